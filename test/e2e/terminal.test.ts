// A shell on a machine in a real browser: through hub, tunnel and agent to a real terminal, under the pages' strict policy.
import { mkdir, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { createOwner } from '#test/faults/owner.ts'
import { startTestAgent, type TestAgent } from '#test/helpers/agent.ts'
import { until } from '#test/helpers/until.ts'
import { type BrowserSite, startBrowserSite } from './site.ts'

const owner = createOwner()
let browser: BrowserSite
let agent: TestAgent
let name = ''
const policyOf = (terminal?: object) => JSON.stringify({ allowedActions: ['facts', 'preflight'], ...(terminal && { terminal }) })

test.before(async (t) => {
  t.timeout(120_000)
  browser = await startBrowserSite(owner)
  const stateDir = join(browser.site.directory, 'agent')
  await mkdir(stateDir, { mode: 0o700 })
  await writeFile(join(stateDir, 'policy.json'), policyOf(), { mode: 0o600 })
  agent = await startTestAgent(owner, browser.site.hub, { stateDir })
  name = agent.machine.metadata.name
})
test.after.always(() => owner.close())

// Browser, hub and agent share this machine: under load more than the page's usual ten seconds.
const screen = () => browser.page.locator('.xterm-rows')
const isConnected = async () => {
  // The page of the machine, from which the terminal is opened, has a state of that name, too.
  await screen().waitFor({ timeout: 60_000 })
  await browser.page.locator('[data-state=Connected]').waitFor({ timeout: 60_000 })
}
const shows = (text: string | RegExp) =>
  until(`${text} on the screen`, async () => {
    const all = await screen().innerText()
    return (typeof text === 'string' ? all.includes(text) : text.test(all)) && all
  })

test.serial('without a part terminal in the policy the page says why there is none and what allows it', async (t) => {
  const { page, open, shoot } = browser
  await open(`/machines/${name}`)
  await page.getByRole('button', { name: 'Why no terminal?' }).click()
  await page.getByText('own policy does not allow terminals').waitFor()
  await open(`/machines/${name}/terminal`)
  await page.getByText('own policy does not allow terminals').waitFor()
  await page.getByText('{ "terminal": { "user": "root" } }').waitFor()
  await shoot('terminal-not-allowed')
  t.is(await page.locator('.xterm').count(), 0)
})

test.serial('a command is typed and its answer is on the screen, in colours, at the size of the page', async (t) => {
  const { page, open, shoot, complaints } = browser
  await agent.stop()
  await writeFile(join(agent.stateDir, 'policy.json'), policyOf({ user: userInfo().username, shell: '/bin/bash', sessions: 2 }), {
    mode: 0o600,
  })
  await agent.start()
  await open(`/machines/${name}`)
  await page.getByRole('link', { name: 'Open a terminal' }).click({ timeout: 60_000 })
  await isConnected()
  await page.keyboard.type(`PS1='$ '; clear; echo $((6*7)) is the answer\n`)
  await shows('42 is the answer')
  await page.keyboard.type(`printf '\\033[31mred\\033[0m \\033[38;2;0;128;255mblue of 24 bits\\033[0m \\033[1mbold\\033[0m\\n'\n`)
  await shows('blue of 24 bits bold')
  const colours = await page.evaluate(
    `[...document.querySelectorAll('.xterm-rows span')].filter((one) => /^(red|blue of 24 bits)$/.test(one.textContent)).map((one) => getComputedStyle(one).color)`,
  )
  t.is(new Set(colours as string[]).size, 2, String(colours))
  await page.keyboard.type('stty size\n')
  const [, rows, columns] = /\n(\d+) (\d+)\n/.exec(await shows(/\n\d+ \d+\n/)) ?? []
  t.true(Number(rows) > 15 && Number(columns) > 80, `${rows} ${columns}`)
  await shoot('terminal-light')
  await page.setViewportSize({ width: 900, height: 700 })
  await page.keyboard.type('clear; stty size; echo resized\n')
  const [, , narrow] = /(\d+) (\d+)\nresized/.exec(await shows(/\d+ \d+\nresized/)) ?? []
  t.true(Number(narrow) < Number(columns), `${narrow}`)
  await page.setViewportSize({ width: 1360, height: 860 })
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.keyboard.type('ls --color=always /\n')
  await shows(/\busr\b/)
  await shoot('terminal-dark')
  await page.emulateMedia({ colorScheme: 'light' })
  t.deepEqual(complaints, [])
})

test.serial('a flood in the page stops at Ctrl-C, and the page is not behind', async (t) => {
  const { page, complaints } = browser
  await page.keyboard.type('clear; yes\n')
  await shows(/y\ny\ny\n/)
  const startedMs = performance.now()
  await page.keyboard.press('Control+c')
  await page.keyboard.type('echo after-flood\n')
  await shows(/^after-flood$/m)
  t.log(`${Math.round(performance.now() - startedMs)} ms from Ctrl-C to the next command's output`)
  t.deepEqual(complaints, [])
})

test.serial('Shift+Escape leaves the terminal, the end of the shell is shown, and another one can be opened', async (t) => {
  const { page, shoot, complaints } = browser
  await page.keyboard.press('Shift+Escape')
  await page.locator('button:focus', { hasText: 'Start over' }).waitFor()
  await page.locator('.xterm-screen').click()
  await page.keyboard.type('exit 3\n')
  await page.getByText('The shell has ended with exit code 3.').waitFor()
  // It is said above the screen, which gives way: its last row is still on the page.
  t.true(await page.evaluate('document.querySelector(".xterm-rows > :last-child").getBoundingClientRect().bottom < innerHeight'))
  await shoot('terminal-ended')
  await page.getByRole('button', { name: 'Open another one' }).click()
  await isConnected()
  await page.keyboard.type('clear; echo again $((40+2))\n')
  await shows('again 42')
  t.deepEqual(complaints, [])
})

test.serial('a closed tab ends what ran in it', async (t) => {
  const { page, open } = browser
  await page.keyboard.type('clear; echo shell=$$; exec sleep 1234\n')
  const [, pid = ''] = /shell=(\d+)/.exec(await shows(/shell=\d+\n/)) ?? []
  const isThere = () => {
    try {
      return process.kill(Number(pid), 0)
    } catch {
      // ESRCH: it has ended.
      return false
    }
  }
  t.true(isThere())
  await open('/machines')
  await until('the shell to end', () => !isThere(), { timeoutMs: 5_000 })
})
