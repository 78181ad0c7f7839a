// stateDir/status.json: what the running agent says of itself, for `status` and for a person with a pager. Not durable, only atomic.
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { privateFileMode, readIfThere } from '#agent/enroll/files.ts'

export interface AgentStatus {
  pid: number
  version: string
  updatedAt: string
  phase: string
  hub: string
  proxy: string
  noProxy: string
  identity?: { machineName: string; agentId: string; fingerprint: string; serial: string; generation: number; notAfter: string }
  planes: { name: string; ok: boolean; reason: string; roundTripUs: number }[]
  journal: { events: number; bytes: number; droppedEvents: number; lastSequence: string; acknowledgedSequence: string; failure?: string }
  runningTasks: number
  policy: { source: string; allowedActions: string[] }
  lastError?: { code: string; message: string; at: string }
}

const pathOf = (stateDir: string) => join(stateDir, 'status.json')

export function writeStatus(stateDir: string, status: AgentStatus): void {
  const temporary = `${pathOf(stateDir)}.tmp`
  writeFileSync(temporary, `${JSON.stringify(status, undefined, 2)}\n`, { mode: privateFileMode })
  renameSync(temporary, pathOf(stateDir))
}

export function readStatus(stateDir: string): AgentStatus | undefined {
  const text = readIfThere(pathOf(stateDir))
  return text === undefined ? undefined : (JSON.parse(text) as AgentStatus)
}
