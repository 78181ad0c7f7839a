// A hub of its own for a measurement: the real process on a temporary data directory and a free port.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Child } from '#scripts/dev/start/children.ts'
import { stopChild } from '#scripts/dev/start/children.ts'
import { type RunningHub, startHub } from '#scripts/dev/start/hub.ts'
import { childrenNamed } from './process-use.ts'

export interface BenchHub {
  running(): RunningHub
  port: number
  dataDir: string
  pid(): number
  natsPid(): number | undefined
  /** kill -9 of the hub and of its NATS server, then a new start. Resolves when /readyz answers. */
  crashAndRestart(): Promise<void>
  stop(): Promise<void>
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

export async function startBenchHub(): Promise<BenchHub> {
  const dataDir = mkdtempSync(join(tmpdir(), 'moorline-bench-hub-'))
  const port = await freePort()
  const options = { listen: `127.0.0.1:${port}`, host: '127.0.0.1', port, dataDir, hasAgent: false, natsUrl: undefined }
  let child: Child | undefined
  const start = () => startHub(options, (started) => (child = started))
  let running = await start()
  const pid = () => running.child.process.pid as number
  const natsPid = () => childrenNamed(pid(), 'nats-server')[0]
  return {
    running: () => running,
    port,
    dataDir,
    pid,
    natsPid,
    async crashAndRestart() {
      const nats = natsPid()
      process.kill(pid(), 'SIGKILL')
      if (nats !== undefined) process.kill(nats, 'SIGKILL')
      await running.child.ended
      running = await start()
    },
    async stop() {
      if (child) await stopChild(child, 20_000)
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
