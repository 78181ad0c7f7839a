// What the tunnel suite measures: something that opens streams from the hub's side to a TCP service on the agent's side. The hub's
// end runs in the measuring process, the agent's end in one of its own; all carriers use TLS 1.3 with the same certificate.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { agentMemory } from '#shared/contract/memory.ts'
import type { TunnelClass } from '#shared/contract/tunnel.ts'
import { forkWith } from './fork.ts'
import { startDelayRelay } from '#scripts/dev/delay-relay.ts'

export interface Carrier {
  /** Carriers without classes ignore it. */
  open(tunnelClass: TunnelClass): Promise<Duplex>
  /** Processes of both ends other than the measuring one. */
  pids(): number[]
  /** The process whose memory is the hub's end, and the agent's. */
  ends(): { hub: number; agent: number }
  close(): Promise<void>
}

export interface CarrierOptions {
  targetPort: number
  /** What the agent's end must dial to reach this port of the hub's end: through the long line, when there is one. */
  line(port: number): Promise<number>
}

export type StartCarrier = (options: CarrierOptions) => Promise<Carrier>

/** What the agent's end needs; sent as its first message. */
export interface AgentEndStart {
  kind: 'ours' | 'splice' | 'websocket'
  hubPort: number
  targetPort: number
  fleetCa: string
  pins: string[]
}

export async function startAgentEnd(start: AgentEndStart): Promise<ChildProcess> {
  const child = forkWith(agentMemory, 'agent-end.ts')
  child.send(start)
  await once(child, 'message')
  return child
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** A relay in a process of its own, so that the line does not use the time of an end. */
export async function startLine(delayMs: number): Promise<{ line: CarrierOptions['line']; close(): Promise<void> }> {
  if (delayMs === 0) return { line: async (port) => port, close: async () => undefined }
  const children: ChildProcess[] = []
  return {
    async line(port) {
      const child = fork(fileURLToPath(import.meta.url), [String(port), String(delayMs)])
      children.push(child)
      const [message] = (await once(child, 'message')) as [{ port: number }]
      return message.port
    },
    async close() {
      await Promise.all(children.map(stop))
    },
  }
}

export function descendants(pid: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        return [{ pid: Number(name), parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) }]
      } catch {
        // It ended between the listing and the look.
        return []
      }
    })
  const below = (of: number): number[] => parents.filter(({ parent }) => parent === of).flatMap((child) => [child.pid, ...below(child.pid)])
  return below(pid)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [port, delayMs] = process.argv.slice(2).map(Number) as [number, number]
  const relay = await startDelayRelay({ port, delayMs })
  process.send?.({ port: relay.port })
  process.once('disconnect', () => process.exit())
}
