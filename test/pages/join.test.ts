import test from 'ava'
import { until } from '#test/helpers/until.ts'
import { useBench } from './bench.ts'
import { machine, pendingMachine, rows, smallFleet, task } from './fixtures.ts'

const bench = useBench(test)

test('the wizard gives the command once, and shows the machine from its request to its preflight', async (t) => {
  const { api, page, open, complaints } = await bench(t, { permissions: ['clipboard-read', 'clipboard-write'] })
  smallFleet(api)
  await open('/join?cluster=lab')
  t.is(await page.getByLabel('Cluster', { exact: true }).inputValue(), 'lab')
  await page.getByLabel('Control plane').check()
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByRole('button', { name: 'One more' }).click()
  await page.getByLabel('Valid for').selectOption('3600')
  await page.getByRole('button', { name: 'Create token and command' }).click()
  const command = page.getByLabel('Install command', { exact: true })
  await command.waitFor()
  t.regex(await command.innerText(), /--pinnedpubkey/)
  await page.getByRole('button', { name: 'Copy' }).click()
  t.is(await page.evaluate(() => navigator.clipboard.readText()), await command.innerText())
  await page.getByText('Waiting for the machine to ask').waitFor()

  const token = await until('the join token', () => api.names('jointokens')[0])
  t.like(api.get('jointokens', token)?.spec, { clusterRef: 'lab', role: 'controlPlane', uses: 2, ttlSeconds: 3600, approval: 'Manual' })
  api.put('machines', pendingMachine('other', 'another-token'))
  api.put('machines', pendingMachine('fresh', token))
  await page.locator('[data-stage="asked"]').waitFor()
  t.is(await page.locator('[data-stage]').count(), 1, 'only machines of this token')
  await page.getByText(pendingMachine('fresh').status.enrollment.fingerprint).waitFor()
  await page.getByRole('button', { name: 'Approve fresh' }).click()
  await page.locator('[data-stage="approved"]').waitFor()
  const { enrollment } = pendingMachine('fresh', token).status
  api.put('machines', machine('fresh', { status: { enrollment, preflight: undefined } }))
  await page.locator('[data-stage="connected"]').waitFor()
  api.put('tasks', task('preflight-fresh', 'fresh', 'preflight', 'Running', { result: { rows: rows.slice(0, 3) } }, 0))
  await page.locator('[data-check="NumCPU"]').waitFor()
  api.put('machines', machine('fresh', { status: { enrollment } }))
  await page.getByRole('heading', { name: 'Joined' }).waitFor()
  t.deepEqual(complaints, [])
})

test('automatic approval without a limit is warned about, and a wrong network is named', async (t) => {
  const { api, page, open } = await bench(t)
  smallFleet(api)
  await open('/join')
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByLabel('Automatic').check()
  await page.getByText('Anyone who gets hold of this token can join a machine').waitFor()
  await page.getByLabel('Only from these networks').fill('10.0.0.0/8, office')
  await page.getByText('“office” is not an address').waitFor()
  t.true(await page.getByRole('button', { name: 'Create token and command' }).isDisabled())
  await page.getByLabel('Only from these networks').fill('10.0.0.0/8')
  await page.getByText('Anyone who gets hold of this token can join a machine').waitFor({ state: 'detached' })
})
