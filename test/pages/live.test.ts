import test from 'ava'
import { until } from '#test/helpers/until.ts'
import { useBench } from './bench.ts'
import { machine, pendingMachine, row, rows, smallFleet, summary, task } from './fixtures.ts'

const bench = useBench(test)

test('what changes at the hub changes on the page, without polling and without a reload', async (t) => {
  const { api, page, open, complaints } = await bench(t)
  smallFleet(api)
  await open('/machines')
  await page.getByRole('link', { name: 'node-06', exact: true }).waitFor()
  await page.evaluate(() => Object.assign(window, { isSamePage: true }))
  const asked = api.requests.length
  api.put('machines', machine('node-20'))
  await page.getByRole('link', { name: 'node-20' }).waitFor()
  api.put('machines', machine('node-20', { status: { phase: 'Disconnected' } }))
  await page.locator('[data-row="node-20"] [data-state="Disconnected"]').waitFor()
  api.remove('machines', 'node-20')
  await page.getByRole('link', { name: 'node-20' }).waitFor({ state: 'detached' })
  t.is(api.requests.length, asked)
  t.true(await page.evaluate(() => 'isSamePage' in window))
  t.deepEqual(complaints, [])
})

test('a lost connection is said, what is known stays, and it comes back by itself', async (t) => {
  const { api, page, open } = await bench(t)
  smallFleet(api)
  await open('/machines')
  await page.getByRole('link', { name: 'node-01' }).waitFor()
  api.outage = 503
  api.cutWatches()
  await page.getByText('No connection to the hub.').waitFor()
  t.true(await page.getByRole('link', { name: 'node-01' }).isVisible())
  api.put('machines', machine('node-21'))
  api.outage = undefined
  await page.getByRole('link', { name: 'node-21' }).waitFor({ timeout: 20_000 })
  await page.getByText('No connection to the hub.').waitFor({ state: 'detached', timeout: 20_000 })
})

test('the overview counts, and every number leads to its rows', async (t) => {
  const { api, page, open } = await bench(t)
  smallFleet(api)
  await open('/')
  const tile = page.getByRole('region', { name: 'Machines' })
  t.is(await tile.getByRole('link', { name: '5 Connected machines' }).innerText(), '5')
  for (const topic of ['Approval', 'Disconnected', 'Preflight', 'Certificate', 'Task failed'])
    t.is(await page.getByRole('link', { name: new RegExp(`: ${topic},`) }).count(), 1, topic)
  await tile.getByRole('link', { name: '1 Disconnected machines' }).click()
  await page.getByRole('heading', { name: 'Machines', exact: true }).waitFor()
  await page.getByRole('link', { name: 'node-05' }).waitFor()
  t.is(await page.locator('[data-row]').count(), 1)
})

test('a machine is approved with its fingerprint in sight', async (t) => {
  const { api, page, open } = await bench(t)
  smallFleet(api)
  const { fingerprint } = pendingMachine('x').status.enrollment
  await open('/machines')
  await page.getByText(fingerprint).waitFor()
  await page.getByRole('button', { name: 'Approve node-07' }).click()
  await page.getByText(fingerprint).waitFor({ state: 'detached' })
  t.is(api.get('machines', 'node-07')?.spec.approved, true)
})

test('a viewer sees everything and can change nothing', async (t) => {
  const { api, page, open } = await bench(t)
  smallFleet(api)
  api.role = 'viewer'
  await open('/machines/node-07')
  await page.getByText('Approving needs the role operator').waitFor()
  for (const name of ['Approve node-07', 'Deny node-07', 'Run preflight', 'Revoke', 'Delete'])
    t.true(await page.getByRole('button', { name, exact: true }).isDisabled(), name)
})

test('preflight rows arrive one by one, failures first, and open to what was observed, expected and to do', async (t) => {
  const { api, page, open } = await bench(t)
  smallFleet(api)
  await open('/machines/node-01')
  await page.getByRole('button', { name: 'Run preflight again' }).click()
  const created = await until('the task', () =>
    api.requests.some((line) => line.startsWith('POST') && line.endsWith('/tasks')) ? true : undefined,
  )
  t.true(created)
  const give = (list: unknown[], state: string) =>
    api.put(
      'tasks',
      task('preflight-live', 'node-01', 'preflight', state, { result: { rows: list, ...(state !== 'Running' && { summary }) } }, -1),
    )
  give([row('NumCPU')], 'Running')
  await page.locator('[data-check="NumCPU"]').waitFor()
  give(rows, 'Running')
  await page.locator('[data-check="DiskFsync"]').waitFor()
  t.is(await page.locator('[data-check]').first().getAttribute('data-check'), 'FileExisting-crictl')
  const check = page.locator('[data-check="DiskFsync"]')
  await check.getByRole('button', { name: 'Details' }).click()
  for (const text of ['p99 at most 10 ms', 'etcd hardware guide', 'Put /var/lib/etcd on a disk of its own'])
    t.true(await check.getByText(text).first().isVisible(), text)
  await page.getByRole('button', { name: 'Unknown 1' }).click()
  t.deepEqual(await page.locator('[data-check]').evaluateAll((all) => all.map((one) => one.getAttribute('data-check'))), ['ClockOffset'])
  give(rows, 'Succeeded')
  await page.getByRole('tabpanel').locator('[data-state="Succeeded"]').waitFor()
})

test('a task that waits says why, is canceled, and shows its end', async (t) => {
  const { api, page, open } = await bench(t)
  smallFleet(api)
  await open('/tasks/facts-node-05')
  await page.getByText('Waiting: AgentDisconnected').waitFor()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByText('Cancel requested').first().waitFor()
  api.put(
    'tasks',
    task('facts-node-05', 'node-05', 'facts', 'Canceled', { reason: 'CanceledByUser', message: 'canceled before it was delivered' }),
  )
  await page.getByText('canceled before it was delivered').waitFor()
  t.true(await page.getByRole('button', { name: 'Run again' }).isVisible())
})

test('the log follows, tells errors apart, is searched, and resumes after the last line it has', async (t) => {
  const { api, page, open } = await bench(t)
  smallFleet(api)
  const line = (sequence: number, text: string, stream = 'stdout') => ({ sequence, at: '2026-01-01T00:00:00.000Z', stream, text })
  api.log('facts-node-02', line(1, 'reading disks\n'), line(2, 'no such device\n', 'stderr'))
  await open('/tasks/facts-node-02')
  const log = page.getByRole('log')
  await log.getByText('no such device').waitFor()
  t.is(await log.locator('[data-stream="stderr"]').count(), 1)
  api.log('facts-node-02', line(3, 'reading routes\n'))
  await log.getByText('reading routes').waitFor()
  await page.getByRole('textbox', { name: 'Search the log' }).fill('READING')
  await log.getByText('no such device').waitFor({ state: 'detached' })
  t.is(await log.locator('mark').count(), 2)
})

test('deleting a machine wants its name typed', async (t) => {
  const { api, page, open } = await bench(t)
  smallFleet(api)
  await open('/machines/node-05')
  await page.getByRole('button', { name: 'Delete' }).click()
  const dialog = page.getByRole('dialog')
  const confirm = dialog.getByRole('button', { name: 'Delete' })
  t.true(await confirm.isDisabled())
  await dialog.getByRole('textbox').fill('node-05')
  await confirm.click()
  await page.getByRole('heading', { name: 'Machines', exact: true }).waitFor()
  t.is(api.get('machines', 'node-05'), undefined)
})
