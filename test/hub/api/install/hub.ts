// One port as on a real hub: install script and artifacts on its web side, enrolment and link on its agent side; and a machine made of
// a directory, with recorders in place of systemctl and curl.
import { spawn } from 'node:child_process'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import fastify from 'fastify'
import { type Artifacts, createArtifacts } from '#hub/api/install/artifacts.ts'
import type { InstallFacts } from '#hub/api/install/facts.ts'
import { registerInstallRoutes } from '#hub/api/install/routes.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { openPki } from '#hub/pki/open.ts'
import { type Fleet, startFleet } from '#test/agent/link/fleet.ts'
import { repositoryRoot } from '#test/helpers/paths.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'

export interface InstallHub {
  fleet: Fleet
  facts: InstallFacts
  artifacts: Artifacts
  artifactsDir: string
}

/** The agent from source, as one executable file. */
export const agentWrapper = `#!/bin/sh\nexec '${process.execPath}' '${repositoryRoot}/agent/main.ts' "$@"\n`

export async function startInstallHub(t: ExecutionContext, agentFile: string | undefined): Promise<InstallHub> {
  const dataDir = await tempDir(t)
  const artifactsDir = await tempDir(t)
  if (agentFile !== undefined) await writeFile(join(artifactsDir, 'moorline-agent-linux-x64'), agentFile)
  const pki = await openPki({ dataDir, names: ['localhost', '127.0.0.1'], clock: systemClock })
  const artifacts = await createArtifacts(artifactsDir)
  const app = fastify({ https: { key: pki.web.key, cert: pki.web.cert } })
  const fleet = await startFleet(t, { dataDir, onWebSocket: (socket) => void app.server.emit('connection', socket) })
  const facts: InstallFacts = {
    publicUrl: `https://127.0.0.1:${fleet.port}`,
    web: pki.web,
    fleetPins: pki.pins,
    fleetCaPem: pki.fleetCaPem,
    version: '0.1.0-test',
  }
  registerInstallRoutes(app as never, { facts: () => facts, artifacts })
  await app.ready()
  t.teardown(() => app.close())
  return { fleet, facts, artifacts, artifactsDir }
}

export interface Machine {
  root: string
  /** Runs a shell text; environment is nothing but PATH, DESTDIR and what is given. */
  sh(script: string, options?: { args?: readonly string[]; env?: Record<string, string>; stdin?: string }): Promise<Ran>
  /** Arguments of every call of systemctl, curl and the agent, one line each. */
  calls(): Promise<string>
  clearCalls(): Promise<void>
}

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

export async function createMachine(t: ExecutionContext): Promise<Machine> {
  const root = await tempDir(t)
  const bin = await tempDir(t)
  const log = join(bin, 'calls.log')
  await writeFile(log, '')
  const recorder = (name: string, then: string) => `#!/bin/sh\nprintf '%s\\n' "${name} $*" >>'${log}'\n${then}\n`
  await writeFile(join(bin, 'systemctl'), recorder('systemctl', 'exit 0'))
  await writeFile(join(bin, 'curl'), recorder('curl', 'exec /usr/bin/curl "$@"'))
  for (const name of ['systemctl', 'curl']) await chmod(join(bin, name), 0o755)
  await mkdir(join(root, 'tmp'))
  const env = { PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin`, DESTDIR: root, TMPDIR: join(root, 'tmp') }
  return {
    root,
    sh: (script, options = {}) => run('dash', ['-s', '--', ...(options.args ?? [])], script, { ...env, ...options.env }, options.stdin),
    calls: () => readFile(log, 'utf8'),
    clearCalls: () => writeFile(log, ''),
  }
}

/** The script comes as a file when standard input is needed for something else. */
async function run(shell: string, args: string[], script: string, env: Record<string, string>, stdin?: string): Promise<Ran> {
  const path = join(env.TMPDIR ?? '/tmp', 'script-under-test.sh')
  if (stdin !== undefined) await writeFile(path, script)
  const child = spawn(shell, stdin === undefined ? args : [path, ...args.slice(2)], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.on('error', () => {})
  child.stdin.end(stdin ?? script)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, stdout, stderr }
}
