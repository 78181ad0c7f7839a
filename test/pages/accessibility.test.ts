// What a screen reader and a keyboard need, looked up in Chromium's own accessibility tree on every page, light and dark.
import test from 'ava'
import { accessibilityProblems } from './accessible.ts'
import { useBench } from './bench.ts'
import { smallFleet } from './fixtures.ts'

const bench = useBench(test)

const paths = [
  '/',
  '/clusters',
  '/clusters/edge-west',
  '/clusters/edge-west?tab=components',
  '/clusters/edge-west?tab=conditions',
  '/clusters/edge-west?tab=machines',
  '/clusters/edge-west?tab=kubectl',
  '/clusters/cloud',
  '/clusters/lab',
  '/clusters/lab/register',
  '/create-cluster',
  '/create-cluster?type=Imported',
  '/add-machine',
  '/machines/over-ssh',
  '/credentials',
  '/machines',
  '/machines/node-06',
  '/machines/node-06?tab=facts',
  '/machines/node-06?tab=conditions',
  '/tasks',
  '/tasks/preflight-node-06',
  '/tasks/facts-node-05',
  '/join',
  '/access',
  '/nowhere',
]
for (const path of paths)
  test(`${path} has names, order and contrast`, async (t) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { api, page, open } = await bench(t, { colorScheme, reducedMotion: 'reduce' })
      smallFleet(api)
      await open(path)
      await page.waitForFunction(() => !document.querySelector('.pf-v6-c-spinner'))
      t.deepEqual(await accessibilityProblems(page), [], colorScheme)
    }
  })

test('the keyboard reaches the content past the navigation, and opens and closes a dialog', async (t) => {
  const { api, page, open } = await bench(t)
  smallFleet(api)
  await open('/credentials')
  await page.getByText('proxy-west').first().waitFor()
  await page.keyboard.press('Tab')
  t.is(await page.evaluate(() => document.activeElement?.textContent), 'Skip to content')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Tab')
  t.is(await page.evaluate(() => document.activeElement?.textContent), 'Create credential')
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
})
