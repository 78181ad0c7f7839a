// A request to join that waits for an operator: the token is kept, for its owner alone, until the hub has answered, so that the
// service goes on asking after a restart.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { readIfThere, writeDurable } from '#agent/enroll/files.ts'

export const joinTokenPattern = /^[A-Za-z0-9_-]{16,256}$/

const nameOf = (stateDir: string) => join(stateDir, 'pending-join-token')

export function savePendingToken(stateDir: string, joinToken: string): void {
  writeDurable(nameOf(stateDir), `${joinToken}\n`)
}

export function readPendingToken(stateDir: string): string | undefined {
  const token = readIfThere(nameOf(stateDir))?.trim()
  return token !== undefined && joinTokenPattern.test(token) ? token : undefined
}

export function forgetPendingToken(stateDir: string): void {
  rmSync(nameOf(stateDir), { force: true })
}
