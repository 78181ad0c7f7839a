// Health (grpc.health.v1) and, in development, reflection on the agents' name.
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Server } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { ReflectionService } from '@grpc/reflection'
import { HealthImplementation } from 'grpc-health-check'

const protoRoot = fileURLToPath(new URL('../../../proto', import.meta.url))

export interface Health {
  set(isServing: boolean): void
}

export function addHealth(server: Server): Health {
  const health = new HealthImplementation({ '': 'NOT_SERVING' })
  health.addToServer(server)
  return { set: (isServing) => health.setStatus('', isServing ? 'SERVING' : 'NOT_SERVING') }
}

export function addReflection(server: Server): void {
  const files = readdirSync(`${protoRoot}/moorline/v1`).map((name) => `moorline/v1/${name}`)
  new ReflectionService(loadSync(files, { includeDirs: [protoRoot] })).addToServer(server)
}
