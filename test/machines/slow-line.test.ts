// A long and bad line between the site and the hub: 40 ms there and back, and as after lost packets nothing for a while, then all at once.
// It costs time and nothing else.
import { createHash, randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { type DelayRelay, startDelayRelay } from '#scripts/dev/delay-relay.ts'
import { createOwner } from '#test/faults/owner.ts'
import { until } from '#test/helpers/until.ts'
import { hubAddress, hubPort } from './bed/network.ts'
import { heardWithoutGap, type MachinesSite, startMachinesSite, startPods } from './site.ts'
import type { ClusterUser } from './user.ts'

const owner = createOwner()
const behindPort = hubPort + 1000
const mebibyte = 1024 * 1024
const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex')
let relay: DelayRelay
let site: MachinesSite
let admin: ClusterUser

test.before(async () => {
  const listen = { host: hubAddress, port: hubPort }
  relay = await startDelayRelay({ listen, host: hubAddress, port: behindPort, delayMs: 20, stalls: { everyMs: 1500, forMs: 500 } })
  owner.teardown(() => relay.close())
  site = await startMachinesSite(owner, { behindPort })
  admin = await site.user('admin')
  await startPods(owner, site, [
    { name: 'box', command: ['sleep', 'infinity'] },
    { name: 'talker', command: ['bash', '-c', 'for ((n = 1; ; n++)); do echo "line $n"; sleep 0.05; done'] },
  ])
})
test.after.always(() => owner.close())

/** Each test has met stalls, or it shows nothing. */
let stalledBefore = 0
test.afterEach((t) => {
  t.true(relay.stalled() > stalledBefore)
  stalledBefore = relay.stalled()
})

test.serial('logs -f and get --watch show everything once and in order', async (t) => {
  const following = await admin.start(t, ['logs', '-f', 'talker', '--tail=1'])
  const watching = await admin.start(t, ['get', 'configmaps', '--watch-only', '--output-watch-events', '--no-headers'])
  const expected: string[] = []
  // Whether a watch stands already is seen only by what it shows.
  await until('the watch', async () => {
    await site.direct.run(['annotate', 'configmap', 'kube-root-ca.crt', '--overwrite', `seen=${Date.now()}`])
    return watching.stdout().includes('kube-root-ca.crt')
  })
  for (let n = 0; n < 6; n++) {
    await site.direct.run(['create', 'configmap', `seen-${n}`])
    await site.direct.run(['delete', 'configmap', `seen-${n}`])
    expected.push(`ADDED seen-${n}`, `DELETED seen-${n}`)
  }
  const events = () => [...watching.stdout().matchAll(/^(ADDED|DELETED)\s+(seen-\d)/gm)].map((match) => `${match[1]} ${match[2]}`)
  await until('all events', () => events().length >= expected.length)
  t.deepEqual(events(), expected)
  await heardWithoutGap(t, following, 100)
  await following.stop()
  await watching.stop()
})

test.serial('cp there and back changes no byte, while an exec -i beside it answers each word', async (t) => {
  t.timeout(180_000)
  const talking = await admin.start(t, ['exec', '-i', 'box', '--', 'cat'], { stdin: 'pipe' })
  const answers: number[] = []
  const ask = async (word: string) => {
    const startedMs = performance.now()
    talking.child.stdin?.write(`${word}\n`)
    await until(`the answer to ${word}`, () => talking.stdout().endsWith(`${word}\n`), { timeoutMs: 10_000 })
    answers.push(performance.now() - startedMs)
  }
  await ask('first')
  const [there, back] = [join(site.site.directory, 'there'), join(site.site.directory, 'back')]
  const data = randomBytes(24 * mebibyte)
  await writeFile(there, data)
  let isCopying = true
  const copying = (async () => {
    await admin.run(['cp', there, 'box:/tmp/copied'])
    await admin.run(['cp', 'box:/tmp/copied', back])
  })().finally(() => (isCopying = false))
  let words = 0
  while (isCopying) await ask(`word ${++words}`)
  await copying
  t.is(sha256(await readFile(back)), sha256(data))
  t.is(talking.stdout().trim().split('\n').length, words + 1, 'each word once')
  const sorted = answers.toSorted((one, other) => one - other)
  t.log(
    `${words} words, half of them answered within ${sorted[Math.floor(sorted.length / 2)]?.toFixed(0)} ms, the last ${sorted.at(-1)?.toFixed(0)} ms`,
  )
  talking.child.stdin?.end()
  t.is((await talking.exited).code, 0)
})
