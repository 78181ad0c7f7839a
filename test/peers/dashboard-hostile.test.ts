// F-35 through the whole system: what a machine and its users can write reaches every page as text and nothing else.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import type { Machine } from '#shared/contract/machine.ts'
import { createOwner } from '#test/faults/owner.ts'
import { startTestAgent } from '#test/helpers/agent.ts'
import { conditionOf, taskObject } from '#test/integration/site.ts'
import { type BrowserSite, startBrowserSite } from '#test/e2e/site.ts'

const owner = createOwner()
let browser: BrowserSite

test.before(async (t) => {
  t.timeout(60_000)
  browser = await startBrowserSite(owner)
})
test.after.always(() => owner.close())

const image = '<img src=x onerror="globalThis.isHacked=1">'
const script = '<script>globalThis.isHacked=1</script>'
const link = 'javascript:globalThis.isHacked=1'

test.serial('F-35: a hostile machine shows text only, on every page', async (t) => {
  const { site, page, open, shoot, complaints } = browser
  const stateDir = join(site.directory, 'agent')
  await mkdir(stateDir, { mode: 0o700 })
  await writeFile(join(stateDir, 'policy.json'), JSON.stringify({ allowedActions: ['facts', 'exec', 'file', 'preflight'] }), {
    mode: 0o600,
  })
  await site.apply({
    apiVersion: 'moorline.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'lab' },
    spec: { type: 'Registered', displayName: image, description: script },
  })
  const agent = await startTestAgent(owner, site.hub, { stateDir, token: { clusterRef: 'lab' } })
  const name = agent.machine.metadata.name
  await site.kubectl('wait', '--for=condition=Finished', 'tasks', '--all', '--timeout=30s')

  // Out of the program itself: output with markup, terminal codes, a line of 60 kB, and its own words for why it failed.
  const long = 'x'.repeat(60_000)
  const command = [
    '/bin/sh',
    '-c',
    'printf "%s\\n" "$1" "$2"; printf "\\033[31mred\\033[0m\\r\\n\\000nul\\n%s\\n" "$3" >&2; exit 3',
    'sh',
    image,
    script,
    long,
  ]
  await site.apply(taskObject('hostile', { machine: name, action: 'exec', input: { command } }))
  t.is((await site.finished('hostile')).status?.state, 'Failed')
  const missing = taskObject('missing', { machine: name, action: 'exec', input: { command: [join(site.directory, image)] } })
  await site.apply(missing)
  t.true((await site.finished('missing')).status?.message?.includes(image))

  // What this machine does not say by itself, an agent could: written as the hub stores it from an agent's report.
  const patch = async (kind: string, object: string, status: object) =>
    site.kubectl('patch', kind, object, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status }))
  const machine = await site.machine(name)
  const { facts } = machine.status as Required<Machine>['status'] & { facts: NonNullable<NonNullable<Machine['status']>['facts']> }
  await patch('machine', name, {
    agentVersion: image.slice(0, 64),
    facts: {
      ...facts,
      collectedAt: '2099-01-01T00:00:00.000Z',
      hostname: image,
      kernel: script,
      os: { id: image, versionId: script, prettyName: image },
      cpu: { model: script, count: 2 },
      disks: [{ ...facts.disks[0], device: image, mountPoint: script, fsType: link }],
      nics: [{ name: image, mac: '<b>mac</b>', mtu: 1500, up: true, addresses: [script] }],
      resolvers: [image, link],
    },
  })
  await site.kubectl('patch', 'machine', name, '--type=merge', '-p', JSON.stringify({ spec: { displayName: image } }))
  await site.kubectl('annotate', 'machine', name, `note=${image}`)
  const preflight = JSON.parse(await site.kubectl('get', 'tasks', '--field-selector', 'spec.action=preflight', '-o', 'json')).items[0]
  const row = {
    ...preflight.status.result.rows[0],
    id: image,
    outcome: 'fail',
    severity: 'error',
    observed: script,
    remedy: link,
    source: link,
  }
  await patch('task', preflight.metadata.name, { result: { ...preflight.status.result, rows: [row, ...preflight.status.result.rows] } })

  const isClean = async (where: string) => {
    t.is(await page.evaluate('globalThis.isHacked'), undefined, where)
    t.is(await page.locator('img[src="x"], main script, [href^="javascript"]').count(), 0, where)
  }
  const shows = (text: string) => page.getByText(text, { exact: false }).first().waitFor()
  await open(`/machines/${name}`)
  await shows(image)
  await page.locator('[data-check]').first().getByRole('button').first().click()
  await shows(script)
  await shoot('30-hostile-machine')
  await isClean('preflight')
  await page.getByRole('tab', { name: 'Facts' }).click()
  await shows(script)
  await shoot('31-hostile-facts')
  await isClean('facts')
  for (const path of ['/', '/machines', '/clusters', '/clusters/lab', '/tasks']) {
    await open(path)
    await shows(path === '/clusters/lab' || path === '/clusters' ? image : name)
    await isClean(path)
  }
  await open('/tasks/hostile')
  const log = page.getByRole('log')
  await log.getByText(image).waitFor()
  await log.getByText(script).waitFor()
  await shoot('32-hostile-task')
  t.notRegex(await log.innerText(), /[\u0000\u001b]/)
  await isClean('task')
  await open('/tasks/missing')
  await shows('cannot be started')
  await isClean('reason')
  t.deepEqual(complaints, [])
  t.truthy(conditionOf(await site.machine(name), 'Connected'), 'the machine is still one')
})
