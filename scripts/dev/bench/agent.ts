// The built agent: size, start, and what it costs when it has nothing to do, beside a bare Node process in the same run.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { agentMemory } from '#shared/contract/memory.ts'
import { agentName, ensureAgent } from '#scripts/build/agent.ts'
import { createJoinToken } from '#scripts/dev/start/agent.ts'
import { pollUntil } from '#scripts/dev/poll.ts'
import { repositoryRoot } from '#scripts/dev/root.ts'
import { startBenchHub } from './hub.ts'
import { cpuSeconds, memoryOf } from './process-use.ts'
import { type BenchSuite, median, row } from './row.ts'

const binary = join(repositoryRoot, 'dist', agentName)
const settleSeconds = 40
const idleSeconds = 60
const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000))

export const suite: BenchSuite = async (progress) => {
  await ensureAgent({ print: progress })
  const size = statSync(binary)
  const startMs = (program: string, args: readonly string[]) =>
    median(
      Array.from({ length: 11 }, () => {
        const beginMs = performance.now()
        execFileSync(program, args, { stdio: 'ignore' })
        return performance.now() - beginMs
      }),
    )
  progress('starting it')
  const ours = startMs(binary, ['--version'])
  const bareStart = startMs(process.execPath, ['-e', '0'])

  const hub = await startBenchHub()
  const stateDir = mkdtempSync(join(tmpdir(), 'moorline-bench-agent-'))
  const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 10000)'], { stdio: 'ignore' })
  let agent: ReturnType<typeof spawn> | undefined
  try {
    const token = await createJoinToken(hub.running().api, 'bench-', { approval: 'Automatic' })
    const pins = [...(token.status?.installCommand ?? '').matchAll(/--pin[ =]'?([^\s']+)/g)].flatMap((match) => [
      '--pin',
      match[1] as string,
    ])
    execFileSync(binary, ['enroll', '--hub', `127.0.0.1:${hub.port}`, '--token', '-', '--state-dir', stateDir, ...pins], {
      input: `${token.status?.token}\n`,
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    agent = spawn(binary, ['run', '--state-dir', stateDir], { stdio: 'ignore', env: { ...process.env, ...agentMemory.environment } })
    const pid = agent.pid as number
    await pollUntil('the first preflight to end', 180_000, async () => {
      const { items } = await hub
        .running()
        .api.get<{ items: { status?: { preflight?: unknown } }[] }>('/apis/moorline.dev/v1alpha1/machines')
      return items.some((machine) => machine.status?.preflight)
    })
    progress(`idle for ${settleSeconds + idleSeconds} s`)
    await pause(settleSeconds)
    const before = cpuSeconds(pid)
    await pause(idleSeconds)
    const idlePercent = ((cpuSeconds(pid) - before) / idleSeconds) * 100
    const memory = memoryOf(pid)
    const bareMemory = memoryOf(bare.pid as number)
    const compressed = statSync(`${binary}.zst`).size
    return [
      row('agent: size', 'MiB', size.size / 2 ** 20, 'budget', 120),
      row('agent: size compressed (zstd -19)', 'MB', compressed / 1e6, 'budget', 35),
      row('agent: start (--version)', 'ms', ours, 'bare Node -e 0', bareStart),
      row('agent: idle anonymous memory', 'MiB', memory.anonymousMiB, 'budget', 24),
      row('agent: idle memory (RSS)', 'MiB', memory.rssMiB, 'bare idle Node', bareMemory.rssMiB),
      row('agent: idle CPU', '% of a core', idlePercent, 'budget', 0.3),
    ]
  } finally {
    bare.kill('SIGKILL')
    if (agent) {
      const ended = new Promise((resolve) => agent?.once('close', resolve))
      agent.kill('SIGTERM')
      await ended
    }
    await hub.stop()
    rmSync(stateDir, { recursive: true, force: true })
  }
}
