// A pod without a kubelet: what a registration's manifest says is put into the small API server, and the agent's program is started with
// the environment, the files and the empty state directory that the Deployment describes. Only the way to the API server differs: a
// kubeconfig instead of the service account's files, which have a fixed place.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { readStatus } from '#agent/cli/status-file.ts'
import { repositoryRoot } from '#test/helpers/paths.ts'
import { type Program, startProgram } from '#test/helpers/processes.ts'
import { until } from '#test/helpers/until.ts'
import type { FakeKube } from '#test/tunnel/kube-proxy/fake-kube.ts'
import { agentKubeconfig } from '#test/tunnel/kube-proxy/site.ts'

interface Owner {
  teardown(run: () => Promise<void>): void
}

interface EnvVar {
  name: string
  value?: string
  valueFrom?: { secretKeyRef: { name: string; key: string } }
}
export interface ManifestObject {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string }
  stringData?: Record<string, string>
  data?: Record<string, string>
  spec?: { template: { spec: { hostname: string; containers: { env: EnvVar[]; args: string[] }[] } } }
  [field: string]: unknown
}

export function objectsOf(manifest: string): ManifestObject[] {
  return parseAllDocuments(manifest).map((document) => document.toJS() as ManifestObject)
}

/** As `kubectl apply` does: a Secret that is there keeps the data that the manifest does not name. */
export function applyManifest(kube: FakeKube, manifest: string): ManifestObject[] {
  const objects = objectsOf(manifest)
  for (const { kind, metadata, stringData = {} } of objects) {
    if (kind !== 'Secret') continue
    const { name, namespace = '' } = metadata
    const known = kube.secrets.get(`${namespace}/${name}`)
    const data = Object.fromEntries(Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString('base64')]))
    const resourceVersion = String(Number(known?.metadata.resourceVersion ?? 0) + 1)
    kube.secrets.set(`${namespace}/${name}`, {
      ...{ apiVersion: 'v1', kind: 'Secret' },
      metadata: { name, namespace, resourceVersion },
      data: { ...known?.data, ...data },
    })
  }
  return objects
}

export interface Pod {
  stateDir: string
  program: Program
  /** The agent of this pod has said Hello and was accepted. */
  connected(): Promise<void>
}

let pods = 0

/** Each pod begins with an empty directory. `policy` is added to the one of the manifest. */
export async function startPod(
  t: Owner,
  kube: FakeKube,
  objects: readonly ManifestObject[],
  { directory, policy = {}, env: more = {} }: { directory: string; policy?: object; env?: NodeJS.ProcessEnv },
): Promise<Pod> {
  const root = join(directory, `pod-${++pods}`)
  await mkdir(root, { recursive: true })
  const find = (kind: string, name: string) => objects.find((object) => object.kind === kind && object.metadata.name === name)
  const files = { policy: join(root, 'policy.json'), token: join(root, 'token'), kubeconfig: join(root, 'kubeconfig') }
  await writeFile(files.kubeconfig, JSON.stringify(agentKubeconfig(kube)))
  const own = JSON.parse(find('ConfigMap', 'moorline-agent-policy')?.data?.['agent-policy.json'] ?? '{}') as object
  const kubernetes = { source: 'kubeconfig', path: files.kubeconfig }
  await writeFile(files.policy, JSON.stringify({ ...own, ...policy, kubernetes }), { mode: 0o644 })
  await writeFile(files.token, find('Secret', 'moorline-agent-join')?.stringData?.token ?? '')
  const [container] = find('Deployment', 'moorline-agent')?.spec?.template.spec.containers ?? []
  const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, MOORLINE_LOG_LEVEL: 'debug' }
  for (const { name, value, valueFrom } of container?.env ?? [])
    env[name] = value ?? find('Secret', valueFrom?.secretKeyRef.name ?? '')?.stringData?.[valueFrom?.secretKeyRef.key ?? '']
  const stateDir = join(root, 'state')
  Object.assign(env, { MOORLINE_STATE_DIR: stateDir, MOORLINE_POLICY_FILE: files.policy, MOORLINE_TOKEN_FILE: files.token }, more)
  const program = await startProgram(t, process.execPath, ['agent/main.ts', ...(container?.args ?? [])], { cwd: repositoryRoot, env })
  return {
    stateDir,
    program,
    connected: async () =>
      void (await until(
        'the pod’s agent to be up',
        () => {
          if (!program.isRunning()) throw new Error(`the agent ended: ${program.stderr().slice(-4000)}`)
          return readStatus(stateDir)?.phase === 'up'
        },
        { timeoutMs: 60_000 },
      )),
  }
}

/** Runs a registration's command in a shell whose kubectl keeps what it is told to apply. Resolves with that. */
export async function runManifestCommand(t: Owner, command: string, directory: string): Promise<{ applied: string; calls: string }> {
  const bin = join(directory, 'bin')
  await mkdir(bin, { recursive: true })
  const log = join(directory, 'calls.log')
  const recorder = (name: string, then: string) => `#!/bin/sh\nprintf '%s\\n' "${name} $*" >>'${log}'\n${then}\n`
  await writeFile(join(bin, 'kubectl'), recorder('kubectl', `cat "$3" >'${directory}/applied.yaml'`), { mode: 0o755 })
  await writeFile(join(bin, 'curl'), recorder('curl', 'exec /usr/bin/curl "$@"'), { mode: 0o755 })
  const shell = await startProgram(t, 'sh', ['-c', command], { env: { PATH: `${bin}:/usr/bin:/bin`, TMPDIR: directory } })
  const { code } = await shell.exited
  if (code !== 0) throw new Error(`the command ended with ${code}: ${shell.stderr()}`)
  return { applied: await readFile(join(directory, 'applied.yaml'), 'utf8'), calls: await readFile(log, 'utf8') }
}
