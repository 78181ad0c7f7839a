// The cable between the hub and a cluster that it dials itself is cut, and no connection is told. What only listens is found dead by TCP's
// keepalive; what has said something, which TCP would repeat for a quarter of an hour, by a second dial.
import { readFile } from 'node:fs/promises'
import test from 'ava'
import { apiVersion } from '#shared/contract/meta.ts'
import { createOwner } from '#test/faults/owner.ts'
import { until } from '#test/helpers/until.ts'
import { type Site, startSite } from '#test/integration/site.ts'
import { kubeconfigOf } from './bed/bed.ts'
import { testBed } from './bed/for-tests.ts'
import { kubectlFor } from './bed/kubectl.ts'
import { firewalled, hubAddress, hubPort, setFirewall } from './bed/network.ts'
import { startPods } from './site.ts'
import { type ClusterUser, createUser } from './user.ts'

const bed = testBed()
const owner = createOwner()
const foundWithinMs = 30_000
let site: Site
let admin: ClusterUser

const reachable = () => setFirewall(bed, { exit: 'proxy-only', open: [6443] })

test.before(async () => {
  const direct = await kubectlFor(bed)
  owner.teardown(() => setFirewall(bed, firewalled))
  await reachable()
  site = await startSite(owner, { listen: { host: hubAddress, port: hubPort } })
  const data = { kubeconfig: await readFile(kubeconfigOf(bed), 'utf8') }
  await site.apply({ apiVersion, kind: 'Credential', metadata: { name: 'file' }, spec: { type: 'Kubeconfig', data } })
  await site.apply({ apiVersion, kind: 'Cluster', metadata: { name: 'far' }, spec: { type: 'Imported', credentialRef: 'file' } })
  const rights = (await site.client().ask('GET', `/apis/${apiVersion}/clusters/far/rights`)).text
  owner.teardown(async () => void (await direct.run(['delete', '-f', '-', '--ignore-not-found'], rights)))
  await direct.run(['apply', '-f', '-'], rights)
  const talk = 'for ((n = 1; ; n++)); do echo "line $n"; sleep 0.2; done'
  await startPods(owner, { direct }, [{ name: 'talker', command: ['bash', '-c', talk] }])
  admin = await createUser(site, 'far', 'admin')
})
test.after.always(() => owner.close())

test.serial('watch, logs, exec and a get on a kept connection all end within 30 s, and work again when it is plugged in', async (t) => {
  t.timeout(180_000)
  const running = {
    watch: await admin.start(t, ['get', 'configmaps', '--watch']),
    logs: await admin.start(t, ['logs', '-f', 'talker', '--tail=1']),
    exec: await admin.start(t, ['exec', '-i', 'talker', '--', 'cat'], { stdin: 'pipe' }),
  }
  running.exec.child.stdin?.write('before\n')
  await until('all of them to speak', () =>
    [/kube-root-ca/, /line/, /before/].every((said, index) => said.test(Object.values(running)[index]?.stdout() ?? '')),
  )
  // The connection of this one is kept for the next.
  await admin.run(['get', 'nodes'])
  await setFirewall(bed, { ...firewalled, exit: 'cut' })
  const cutMs = performance.now()
  running.exec.child.stdin?.write('after\n')
  const get = await admin.start(t, ['get', 'nodes'])
  const ends = Object.entries({ ...running, get }).map(async ([name, { exited, stderr }]) => {
    const { code } = await exited
    const afterMs = performance.now() - cutMs
    t.log(`${name} ended with ${code} after ${(afterMs / 1000).toFixed(1)} s: ${stderr().trim().slice(-200)}`)
    t.true(afterMs <= foundWithinMs, name)
  })
  await Promise.all(ends)
  t.not((await running.logs.exited).code, 0)
  t.not((await get.exited).code, 0)
  t.regex(get.stderr(), /10\.77\.0\.11:6443 within .*firewall/)
  await reachable()
  t.is(await admin.run(['get', 'nodes', '-o', 'name']), 'node/c1\nnode/w1\n')
})
