// The form for a machine on which the hub installs the agent over SSH.
import test from 'ava'
import type { Page } from 'playwright-core'
import type { Machine } from '#shared/contract/machine.ts'
import { accessibilityProblems } from './accessible.ts'
import { useBench } from './bench.ts'
import { smallFleet } from './fixtures.ts'

const bench = useBench(test)

test('the agent behind a proxy: its address and a Credential of its own, beside the proxy of the hub', async (t) => {
  const { api, page, open, complaints } = await bench(t, { reducedMotion: 'reduce' })
  smallFleet(api)
  await open('/machines')
  await page.getByRole('link', { name: 'Add over SSH' }).first().click()
  await page.locator('#ssh-host').fill('192.0.2.40')
  await page.getByRole('radio', { name: 'Password', exact: true }).check()
  await page.locator('#ssh-password').fill('canary-login')
  await page.getByRole('button', { name: 'The agent behind a proxy' }).click()
  await page.locator('#ssh-agentProxy-url').fill('socks5://user:canary@198.51.100.1:1080')
  await page.getByText('User and password go into their own fields').waitFor()
  await page.locator('#ssh-agentProxy-url').fill('http://198.51.100.1:3128')
  await page.locator('#ssh-agentProxy-password').fill('canary-proxy')
  await page.getByText('A proxy that asks for a password asks for a user, too.').waitFor()
  const add = page.getByRole('button', { name: 'Add and install' })
  t.true(await add.isDisabled())
  t.deepEqual(await accessibilityProblems(page), [])
  await page.locator('#ssh-agentProxy-user').fill('site')
  await add.click()
  await page.getByText('Proxy of the agent').waitFor()
  await page.getByText('http://198.51.100.1:3128').waitFor()
  const { spec } = api.get('machines', '192.0.2.40') as Machine
  t.is(spec.ssh?.proxy, undefined)
  const { url, credentialRef = '' } = spec.ssh?.agentProxy ?? {}
  t.is(url, 'http://198.51.100.1:3128')
  t.not(credentialRef, spec.ssh?.credentialRef)
  t.like(api.get('credentials', credentialRef)?.spec, { type: 'Password', description: 'Proxy of the agent on 192.0.2.40' })
  t.deepEqual(complaints, [])
})

test('the description of a choice stands under its label, and nearer to it than to the next one', async (t) => {
  const { api, page, open } = await bench(t, { reducedMotion: 'reduce' })
  smallFleet(api)
  for (const link of ['/clusters Create cluster', '/machines Add over SSH']) {
    const [path = '', ...name] = link.split(' ')
    await open(path)
    await page
      .getByRole('link', { name: name.join(' ') })
      .first()
      .click()
    await page.locator('.pf-v6-c-radio__description').first().waitFor()
    const gaps = await radioGaps(page)
    t.true(gaps.length > 0)
    for (const { left, above, below } of gaps) {
      t.is(left, 0, link)
      t.true(above * 2 <= below, `${link}: ${above} px to its label, ${below} px to the next choice`)
    }
  }
})

/** Pixels between each description and its label, and the choice behind it. */
function radioGaps(page: Page): Promise<{ left: number; above: number; below: number }[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('.pf-v6-c-radio:has(+ .pf-v6-c-radio) .pf-v6-c-radio__description')].map((element) => {
      const radio = element.closest('.pf-v6-c-radio')
      const [own, label, next] = [element, radio?.querySelector('label'), radio?.nextElementSibling?.querySelector('label')].map(
        (one) => one?.getBoundingClientRect() ?? new DOMRect(),
      ) as [DOMRect, DOMRect, DOMRect]
      return {
        left: Math.round(own.left - label.left),
        above: Math.round(own.top - label.bottom),
        below: Math.round(next.top - own.bottom),
      }
    }),
  )
}
