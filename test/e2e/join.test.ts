// A newcomer's way through the dashboard of a real hub: sign in, join a machine with the shown command, approve it, watch its preflight.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { createOwner } from '#test/faults/owner.ts'
import { until } from '#test/helpers/until.ts'
import { createMachine } from '#test/hub/api/install/hub.ts'
import { startRun, taskObject } from '#test/integration/site.ts'
import { type BrowserSite, startBrowserSite } from './site.ts'

const owner = createOwner()
let browser: BrowserSite
let name: string
let stateDir: string

test.before(async (t) => {
  t.timeout(100_000)
  browser = await startBrowserSite(owner)
})
test.after.always(() => owner.close())

test.serial('the wizard’s command joins a machine, which is approved and checked before one’s eyes', async (t) => {
  const { page, open, shoot, complaints } = browser
  await shoot('01-first-look')
  await open('/join')
  await shoot('02-join-purpose')
  await page.getByRole('button', { name: 'Next' }).click()
  await shoot('03-join-token')
  await page.getByRole('button', { name: 'Create token and command' }).click()
  const command = await page.getByLabel('Install command', { exact: true }).innerText()
  await page.getByText('Waiting for the machine to ask').waitFor()
  await shoot('04-join-command')
  await page.evaluate('globalThis.isSamePage = true')

  const machine = await createMachine(t)
  const ran = await machine.sh(command)
  t.is(ran.code, 0, ran.stderr)
  const fingerprint = /fingerprint +((?:[0-9a-f]{4} ){15}[0-9a-f]{4})/.exec(ran.stdout)?.[1] ?? 'none'
  await page.locator('[data-stage="asked"]').waitFor()
  await page.getByText(fingerprint, { exact: true }).first().waitFor()
  await shoot('05-join-asked')
  const approve = page.getByRole('button', { name: /^Approve / })
  name = ((await approve.getAttribute('aria-label')) ?? '').replace('Approve ', '')
  await approve.click()
  await page.locator('[data-stage="approved"]').waitFor()

  stateDir = join(machine.root, 'var/lib/moorline-agent')
  await writeFile(join(stateDir, 'policy.json'), JSON.stringify({ allowedActions: ['preflight', 'facts', 'file', 'exec'] }), {
    mode: 0o600,
  })
  // Counted in the page, at every change: a test that asks from outside misses what a busy machine shows for a moment.
  await page.evaluate(`{
    const counts = (window.rowCounts = [])
    const count = () => counts.push(document.querySelectorAll('[data-check]').length)
    new MutationObserver(count).observe(document.body, { subtree: true, childList: true })
  }`)
  const agent = await startRun(t, { stateDir })
  await page.locator('[data-stage="connected"]').waitFor()
  await until('the preflight to end', async () => (await page.locator('[data-stage="checked"]').count()) === 1, { timeoutMs: 60_000 })
  const counts = (await page.evaluate('window.rowCounts')) as number[]
  t.true(new Set(counts).size >= 3, `rows arrived in ${counts.join()}`)
  await page.getByRole('heading', { name: 'Joined' }).waitFor()
  await shoot('06-join-checked')
  t.true(await page.evaluate<boolean>('globalThis.isSamePage === true'), 'the page was not loaded again')
  t.deepEqual(complaints, [])

  await t.notThrowsAsync(tour(t))
  await agent.stop()
  await until('the page to say that the machine is gone', async () => (await page.getByText('Disconnected').count()) > 0)
  t.deepEqual(complaints, [])
})

async function tour(t: ExecutionContext): Promise<void> {
  const { page, site, open, shoot } = browser
  await open(`/machines/${name}`)
  const rows = page.locator('[data-check]')
  await rows.first().waitFor()
  const all = await rows.count()
  const { summary } = (await site.machine(name)).status?.preflight ?? {}
  t.is(
    all,
    Object.values(summary ?? {}).reduce((sum, count) => sum + count, 0),
  )
  await shoot('07-machine')
  await page.getByRole('button', { name: /^Failed \d+/ }).click()
  t.is(await rows.count(), summary?.fail ?? -1)
  await rows.first().getByRole('button').first().click()
  await shoot('08-machine-failed')
  await page.getByRole('button', { name: /^All \d+/ }).click()
  await page.getByLabel('Search checks').fill('Port-10250')
  await until('the filter', async () => (await rows.count()) === 1)
  t.is(await rows.first().getAttribute('data-check'), 'Port-10250')
  await page.getByRole('tab', { name: 'Conditions' }).click()
  await page.getByText('AllPlanesEcho').waitFor()
  await shoot('09-machine-conditions')
  await page.getByRole('tab', { name: 'Facts' }).click()
  await page.getByText('Debian').first().waitFor()
  await shoot('10-machine-facts')

  const gate = join(stateDir, '..', 'gate')
  const command = [
    '/bin/sh',
    '-c',
    'echo first line; while [ ! -e "$1" ]; do sleep 0.05; done; echo last line; echo to stderr >&2',
    'sh',
    gate,
  ]
  await site.apply(taskObject('live', { machine: name, action: 'exec', input: { command } }))
  await open('/tasks/live')
  const log = page.getByRole('log')
  await log.getByText('first line').waitFor()
  t.is(await log.getByText('last line').count(), 0)
  await shoot('11-task-running')
  await writeFile(gate, '')
  await log.getByText('last line').waitFor()
  await log.getByText('to stderr').waitFor()
  await page.getByText('Succeeded').first().waitFor()
  await shoot('12-task-done')
  await open('/tasks')
  await page.getByText('live').first().waitFor()
  await shoot('13-tasks')
  await open('/machines')
  await page.getByText(name).first().waitFor()
  await shoot('14-machines')
  await open('/')
  await page.getByText(name).first().waitFor()
  await shoot('15-overview')
  await open('/access')
  await shoot('16-access')
  await open(`/machines/${name}`)
}

test.serial('a task that waits for a machine that is away says so on its page, and can be cancelled there', async (t) => {
  const { page, site, open, shoot, complaints } = browser
  await site.apply(taskObject('waits', { machine: name, action: 'facts' }))
  await open('/tasks/waits')
  await page.getByText(`waits for the agent of machine ${name} to come back`).first().waitFor()
  await shoot('17-task-waits')
  await open('/tasks')
  await page.getByText(`waits for the agent of machine ${name} to come back`).first().waitFor()
  await shoot('18-tasks-waiting')
  await open('/tasks/waits')
  await page.getByRole('button', { name: 'Cancel' }).first().click()
  t.is((await site.finished('waits')).status?.state, 'Canceled')
  await page.getByText('Canceled').first().waitFor()
  await shoot('19-task-canceled')
  t.deepEqual(complaints, [])
})

test.serial('the link signs in once: a second browser with it stands before the door', async (t) => {
  const { page, site, complaints } = browser
  const { path } = (await site.client().ask('POST', '/auth/login-links', { body: {} })).json<{ path: string }>()
  const code = new URLSearchParams(path.slice(path.indexOf('#') + 1)).get('code')
  t.is((await site.client().ask('POST', '/auth/login', { body: { code }, token: null })).status, 200)
  const context = await page.context().browser()?.newContext({ ignoreHTTPSErrors: true })
  const stranger = await context?.newPage()
  await stranger?.goto(site.hub.url + path)
  await stranger?.getByText('This link cannot be used any more').waitFor()
  t.false(stranger?.url().includes('code='), 'the code does not stay in the address')
  await context?.close()
  t.deepEqual(complaints, [])
})
