// The whole path of a kubectl: hub, tunnel, agent and API server as the processes they are, beside the same requests to the same API
// server without anything between.
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, type AgentOptions, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { tryCommand } from '#scripts/dev/command.ts'
import { pollUntil } from '#scripts/dev/poll.ts'
import { repositoryRoot } from '#scripts/dev/root.ts'
import { createJoinToken } from '#scripts/dev/start/agent.ts'
import { openPki } from '#hub/pki/open.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { agentMemory } from '#shared/contract/memory.ts'
import { startBenchHub } from '../hub.ts'
import { type BenchRow, quantile, row } from '../row.ts'
import { stop } from './carrier.ts'

interface Place {
  host: string
  port: number
  prefix: string
  ca: string
  token: string
}

const api = '/apis/moorline.dev/v1alpha1'
const direct = 'the API server without hub and agent'
const pods = '/api/v1/namespaces/default/pods?limit=20'
const seconds = 3
const concurrent = 16
const execs = 200

export async function clusterRows(progress: (message: string) => void): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'moorline-bench-cluster-'))
  const hub = await startBenchHub()
  const children: ChildProcess[] = []
  try {
    const pki = await openPki({ dataDir: join(directory, 'pki'), names: ['localhost', '127.0.0.1'], clock: systemClock })
    const { key, cert } = pki.web
    writeFileSync(join(directory, 'tls'), JSON.stringify({ key: String(key), cert: String(cert) }), { mode: 0o600 })
    const server = fork(fileURLToPath(new URL('api-server.ts', import.meta.url)), [join(directory, 'tls')])
    children.push(server)
    const [{ port }] = (await once(server, 'message')) as [{ port: number }]
    const near: Place = { host: '127.0.0.1', port, prefix: '', ca: pki.fleetCaPem, token: 'bench-token' }
    children.push(await startAgent(directory, hub, near))
    const far = farPlace(hub)
    await pollUntil('the cluster to be reached', 60_000, async () => (await get(far, new Agent({ ca: far.ca }))).status === 200)

    progress('kubectl’s way: requests and exec')
    const rows: BenchRow[] = []
    for (const clients of [1, concurrent]) {
      const [ours, peer] = [await requests(far, clients), await requests(near, clients)]
      const what = `cluster: GET 20 pods, ${clients} at a time`
      rows.push(row(what, 'requests/s', ours.perSecond, direct, peer.perSecond))
      rows.push(row(`${what} p50`, 'ms', quantile(ours.tookMs, 0.5), direct, quantile(peer.tookMs, 0.5)))
      rows.push(row(`${what} p99`, 'ms', quantile(ours.tookMs, 0.99), direct, quantile(peer.tookMs, 0.99)))
    }
    const [ours, peer] = [await execStarts(far), await execStarts(near)]
    for (const [name, fraction, goalMs] of [
      ['p50', 0.5, 100],
      ['p99', 0.99, 300],
    ] as const) {
      rows.push(row(`cluster: exec to first output ${name}`, 'ms', quantile(ours, fraction), direct, quantile(peer, fraction)))
      rows.push(row(`cluster: exec to first output ${name}`, 'ms', quantile(ours, fraction), 'goal', goalMs))
    }
    return rows
  } finally {
    for (const child of children) await stop(child)
    await hub.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

type BenchHub = Awaited<ReturnType<typeof startBenchHub>>

async function startAgent(directory: string, hub: BenchHub, { host, port, ca, token }: Place): Promise<ChildProcess> {
  const stateDir = join(directory, 'agent')
  mkdirSync(stateDir, { mode: 0o700 })
  const path = join(directory, 'kubeconfig')
  const kubeconfig = {
    clusters: [
      { name: 'c', cluster: { server: `https://${host}:${port}`, 'certificate-authority-data': Buffer.from(ca).toString('base64') } },
    ],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }
  writeFileSync(path, JSON.stringify(kubeconfig), { mode: 0o600 })
  writeFileSync(join(stateDir, 'policy.json'), JSON.stringify({ kubernetes: { source: 'kubeconfig', path } }), { mode: 0o600 })
  const client = hub.running().api
  const cluster = { apiVersion: 'moorline.dev/v1alpha1', kind: 'Cluster', metadata: { name: 'bench' }, spec: { type: 'Registered' } }
  await client.post(`${api}/clusters`, cluster)
  const joining = await createJoinToken(client, 'bench-', { uses: 1, approval: 'Automatic', clusterRef: 'bench' })
  const pins = [...(joining.status?.installCommand ?? '').matchAll(/--pin[ =]'?([^\s']+)/g)].flatMap((match) => [
    '--pin',
    match[1] as string,
  ])
  const args = ['agent/main.ts', 'enroll', '--hub', `127.0.0.1:${hub.port}`, '--token', '-', '--state-dir', stateDir, ...pins]
  const enrolled = await tryCommand(process.execPath, args, { stdin: `${joining.status?.token ?? ''}\n` })
  if (enrolled.code !== 0) throw new Error(`enroll ended with ${enrolled.code}: ${enrolled.stderr}`)
  return spawn(process.execPath, [...agentMemory.flags, 'agent/main.ts', 'run', '--state-dir', stateDir], {
    cwd: repositoryRoot,
    stdio: 'ignore',
    env: { ...process.env, ...agentMemory.environment },
  })
}

interface Kubeconfig {
  clusters: { cluster: { 'certificate-authority-data': string } }[]
  users: { user: { token: string } }[]
}

function farPlace({ dataDir, port }: BenchHub): Place {
  const { clusters, users } = parse(readFileSync(join(dataDir, 'admin.kubeconfig'), 'utf8')) as Kubeconfig
  const ca = Buffer.from(clusters[0]?.cluster['certificate-authority-data'] ?? '', 'base64').toString()
  return { host: '127.0.0.1', port, prefix: '/clusters/bench/proxy', ca, token: users[0]?.user.token ?? '' }
}

const optionsOf = ({ host, port, prefix, token }: Place, path: string) => ({
  ...{ host, port, path: `${prefix}${path}`, servername: 'localhost' },
  headers: { authorization: `Bearer ${token}` },
})

function get(place: Place, agent: Agent): Promise<{ status: number }> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...optionsOf(place, pods), agent, ca: place.ca }, (response) => {
      response.resume()
      response.once('end', () => resolve({ status: response.statusCode ?? 0 }))
    })
    asked.once('error', reject)
    asked.end()
  })
}

async function requests(place: Place, clients: number): Promise<{ perSecond: number; tookMs: number[] }> {
  const options: AgentOptions = { ca: place.ca, keepAlive: true, maxSockets: clients }
  const agent = new Agent(options)
  // Compilers of three processes settle.
  for (let round = 0; round < 500; round++) await get(place, agent)
  const tookMs: number[] = []
  const startMs = performance.now()
  const endMs = startMs + seconds * 1000
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (performance.now() < endMs) {
        const beginMs = performance.now()
        const { status } = await get(place, agent)
        if (status !== 200) throw new Error(`the list was answered with ${status}`)
        tookMs.push(performance.now() - beginMs)
      }
    }),
  )
  const perSecond = tookMs.length / ((performance.now() - startMs) / 1000)
  agent.destroy()
  return { perSecond, tookMs }
}

/** A new TLS connection each time, as each kubectl makes it; until the first byte of the program. Milliseconds. */
async function execStarts(place: Place): Promise<number[]> {
  const all: number[] = []
  const path = '/api/v1/namespaces/default/pods/one/exec?command=sh&stdin=true&stdout=true&tty=true'
  const upgrade = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'MDEyMzQ1Njc4OWFiY2RlZg==',
    'sec-websocket-version': '13',
  }
  for (let round = 0; round < execs; round++) {
    const beginMs = performance.now()
    await new Promise<void>((resolve, reject) => {
      const { headers, ...options } = optionsOf(place, path)
      const asked = request({ ...options, ca: place.ca, agent: false, headers: { ...headers, ...upgrade } })
      asked.once('error', reject)
      asked.once('response', ({ statusCode }) => reject(new Error(`exec was answered with ${statusCode}`)))
      asked.once('upgrade', (_response, socket, head) => {
        const done = (): void => {
          all.push(performance.now() - beginMs)
          socket.destroy()
          resolve()
        }
        socket.on('error', () => socket.destroy())
        if (head.length > 0) done()
        else socket.once('data', done)
      })
      asked.end()
    })
  }
  return all
}
