// What people do with kubectl, each with an old, a usual and a new one, through hub, tunnel and agent at a real API server: kubectl 1.28
// upgrades by SPDY, later ones try WebSocket first and fall back, because Kubernetes 1.20 knows only an older WebSocket protocol.
import { createHash, randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import test from 'ava'
import { type KubectlMinor, kubectlMinors } from '#scripts/dev/kubectl.ts'
import { createOwner } from '#test/faults/owner.ts'
import { startProgram } from '#test/helpers/processes.ts'
import { until } from '#test/helpers/until.ts'
import { manifestOf } from './bed/kubectl.ts'
import { heardWithoutGap, type MachinesSite, startMachinesSite, startPods } from './site.ts'
import type { ClusterUser } from './user.ts'

const owner = createOwner()
let site: MachinesSite
let admin: ClusterUser

const mebibyte = 1024 * 1024
/** The whole of it with one kubectl, because it takes a minute. */
const copiedBytes: Readonly<Record<KubectlMinor, number>> = { 28: 16 * mebibyte, 31: 1024 * mebibyte, 35: 16 * mebibyte }
const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex')

test.before(async () => {
  site = await startMachinesSite(owner)
  admin = await site.user('admin')
  await startPods(owner, site, [
    { name: 'box', command: ['sleep', 'infinity'] },
    { name: 'talker', command: ['bash', '-c', 'for ((n = 1; ; n++)); do echo "line $n"; sleep 0.2; done'] },
    { name: 'listener', command: ['bash', '-c', 'while read -r line; do echo "heard $line"; done; sleep infinity'], hasStdin: true },
    { name: 'echoer', command: ['socat', 'TCP-LISTEN:9000,fork,reuseaddr', 'EXEC:cat'] },
  ])
})
test.after.always(() => owner.close())

for (const minor of kubectlMinors) {
  const title = (text: string): string => `kubectl 1.${minor}: ${text}`
  const options = { minor }

  test.serial(title('get and list show objects, and a watch shows what happens'), async (t) => {
    t.is(await admin.run(['get', 'nodes', '-o', 'name'], options), 'node/c1\nnode/w1\n')
    t.is(await admin.run(['get', 'pod', 'box', '-o', 'jsonpath={.status.phase} {.spec.nodeName}'], options), 'Running w1')
    t.regex(await admin.run(['get', 'pods', '--all-namespaces', '-o', 'wide'], options), /kube-apiserver-c1/)
    const name = `seen-by-${minor}`
    const watching = await admin.start(t, ['get', 'configmaps', '--watch', '--output-watch-events', '--no-headers'], options)
    await until('the watch to show what is there', () => watching.stdout().includes('kube-root-ca.crt'))
    await site.direct.run(['create', 'configmap', name])
    await until('the new object', () => new RegExp(`ADDED\\s+${name}`).test(watching.stdout()))
    await site.direct.run(['delete', 'configmap', name])
    await until('its end', () => new RegExp(`DELETED\\s+${name}`).test(watching.stdout()))
    await watching.stop()
  })

  test.serial(title('logs -f goes on as the pod speaks'), async (t) => {
    const following = await admin.start(t, ['logs', '-f', 'talker', '--tail=1'], options)
    await heardWithoutGap(t, following, 5)
    await following.stop()
  })

  test.serial(title('exec keeps output, errors and exit code apart, and its input arrives whole'), async (t) => {
    const { code, stdout, stderr } = await admin.try(['exec', 'box', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7'], options)
    t.is(stdout, 'out\n')
    t.regex(stderr, /^err\n/)
    t.is(code, 7)
    const input = randomBytes(3 * mebibyte)
    const digest = await admin.run(['exec', '-i', 'box', '--', 'sha256sum'], { minor, stdin: input })
    t.is(digest.split(' ')[0], sha256(input))
  })

  test.serial(
    title(`exec is upgraded ${minor === 28 ? 'by SPDY, its only way' : 'by WebSocket first, which this cluster refuses, then by SPDY'}`),
    async (t) => {
      const { code, stdout, stderr } = await admin.try(['-v=8', 'exec', 'box', '--', 'hostname'], options)
      t.is(code, 0, stderr)
      t.is(stdout, 'box\n')
      t.regex(stderr, /101 Switching Protocols[\s\S]*Upgrade: SPDY\/3\.1/)
      if (minor === 28) t.notRegex(stderr, /websocket/i)
      else t.regex(stderr, /Sec-Websocket-Protocol: v5\.channel\.k8s\.io[\s\S]*fallback: .*websocket: bad handshake/)
    },
  )

  test.serial(title('exec -it is a terminal of the size of the one outside'), async (t) => {
    // kubectl tells the size after the terminal stands, so the shell waits for it.
    const inPod = '[ -t 0 ] && until [ "$(stty size)" = "31 97" ]; do sleep 0.1; done; stty size; read -r line; echo "got $line"'
    const words = await admin.words(['exec', '-it', 'box', '--', 'sh', '-c', inPod], minor)
    const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
    const program = await startProgram(t, 'script', ['-qec', `stty rows 31 cols 97; ${quoted}`, '/dev/null'], { stdin: 'pipe' })
    await until('the size', () => /31 97/.test(program.stdout()), { timeoutMs: 30_000 })
    program.child.stdin?.write('ping\n')
    await until('the answer', () => program.stdout().includes('got ping'))
    program.child.stdin?.end()
    t.is((await program.exited).code, 0, program.stdout())
  })

  test.serial(title('attach speaks to a process that runs already'), async (t) => {
    const attached = await admin.start(t, ['attach', '-i', 'listener'], { minor, stdin: 'pipe' })
    const word = `hello from ${minor}`
    // What is written before the attachment stands is kept by kubectl's own pipe.
    attached.child.stdin?.write(`${word}\n`)
    await until('the echo', () => attached.stdout().includes(`heard ${word}`), { timeoutMs: 30_000 })
    t.regex(await site.direct.run(['logs', 'listener', '--tail=1']), new RegExp(`heard ${word}`))
    await attached.stop()
  })

  test.serial(title(`cp of ${copiedBytes[minor] / mebibyte} MiB there and back changes no byte`), async (t) => {
    t.timeout(600_000)
    const bytes = copiedBytes[minor]
    const [there, back] = [join(site.site.directory, `there-${minor}`), join(site.site.directory, `back-${minor}`)]
    const piece = randomBytes(16 * mebibyte)
    await writeFile(there, Buffer.concat(Array.from({ length: bytes / piece.length }, () => piece)))
    const digest = sha256(await readFile(there))
    const startedMs = performance.now()
    await admin.run(['cp', there, 'box:/tmp/copied'], { minor, timeoutMs: 300_000 })
    const thereMs = performance.now()
    t.regex(await admin.run(['exec', 'box', '--', 'sha256sum', '/tmp/copied'], options), new RegExp(`^${digest}`))
    const readMs = performance.now()
    await admin.run(['cp', 'box:/tmp/copied', back], { minor, timeoutMs: 300_000 })
    const rate = (ms: number) => `${(bytes / mebibyte / (ms / 1000)).toFixed(0)} MiB/s`
    t.log(`there ${rate(thereMs - startedMs)}, back ${rate(performance.now() - readMs)}`)
    t.is(sha256(await readFile(back)), digest)
    await admin.run(['exec', 'box', '--', 'rm', '/tmp/copied'], options)
  })

  test.serial(title('port-forward carries real traffic, on several connections at once'), async (t) => {
    const forwarding = await admin.start(t, ['port-forward', 'pod/echoer', ':9000'], options)
    const port = await forwarding.line('the local port', (line) => /127\.0\.0\.1:(\d+) ->/.exec(line)?.[1])
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        const sent = randomBytes(mebibyte)
        t.is(sha256(await echo(Number(port), sent)), sha256(sent))
      }),
    )
    await forwarding.stop()
  })

  test.serial(title('apply --server-side owns its fields and says who owns the others'), async (t) => {
    const object = (value: string) =>
      manifestOf([{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `owned-${minor}` }, data: { key: value } }])
    const apply = (value: string, ...args: string[]) =>
      admin.try(['apply', '--server-side', '-f', '-', ...args], { minor, stdin: object(value) })
    t.regex((await apply('one')).stdout, /serverside-applied/)
    const conflict = await apply('two', '--field-manager=another')
    t.is(conflict.code, 1)
    t.regex(conflict.stderr, /conflict/i)
    t.is((await apply('two', '--field-manager=another', '--force-conflicts')).code, 0)
    t.is(await admin.run(['get', 'configmap', `owned-${minor}`, '-o', 'jsonpath={.data.key}'], options), 'two')
    await admin.run(['delete', 'configmap', `owned-${minor}`], options)
  })
}

/** Sends all of it, half-closes, and reads until the other side has ended. */
function echo(port: number, data: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true }, () => socket.end(data))
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      // SPDY port-forward has no half-close: what was asked for is all there.
      if (chunks.reduce((sum, { length }) => sum + length, 0) >= data.length) socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => resolve(Buffer.concat(chunks)))
  })
}
