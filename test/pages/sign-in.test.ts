import test from 'ava'
import { useBench } from './bench.ts'
import { smallFleet } from './fixtures.ts'

const bench = useBench(test)

test('a one-time link signs in, and its code is gone from the address and the history', async (t) => {
  const { api, page, open, complaints } = await bench(t)
  smallFleet(api)
  api.isSignedIn = false
  await open('/login#code=good')
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  t.is(new URL(page.url()).hash, '')
  // There may be nothing to go back to, which is as good.
  await page.goBack().catch(() => null)
  t.false(page.url().includes('good'))
  t.is(api.requests.filter((line) => line === 'POST /auth/login').length, 1)
  t.deepEqual(complaints, [])
})

test('a link on the root address works as well', async (t) => {
  const { api, page, open } = await bench(t)
  smallFleet(api)
  api.isSignedIn = false
  await open('/#code=good')
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  t.is(new URL(page.url()).hash, '')
})

test('a used link says so and what to do; a token then signs in and leads to where one wanted to go', async (t) => {
  const { api, page, open } = await bench(t)
  smallFleet(api)
  api.isSignedIn = false
  await open('/machines?phase=Connected')
  t.regex(page.url(), /\/login$/)
  await page.getByLabel('Access token').fill('wrong')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('alert').getByText('The hub does not know this token').waitFor()
  await page.evaluate(() => {
    location.hash = '#code=used'
  })
  await page.getByRole('alert').getByText('This link cannot be used any more').waitFor()
  await page.getByLabel('Access token').fill('good')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Machines' }).waitFor()
  t.regex(page.url(), /\/machines\?phase=Connected$/)
})

test('no credential is kept where a script could read it', async (t) => {
  const { api, page, open } = await bench(t)
  smallFleet(api)
  api.isSignedIn = false
  await open('/login')
  await page.getByLabel('Access token').fill('good')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  const kept = await page.evaluate(() => JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie]))
  t.is(kept, '[[],[],""]')
})

test('a session that ends anywhere leads to the sign-in page', async (t) => {
  const { api, page, open } = await bench(t)
  smallFleet(api)
  await open('/machines')
  await page.getByRole('link', { name: 'node-01' }).waitFor()
  api.isSignedIn = false
  api.cutWatches()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  t.pass()
})

test('signing out ends the session', async (t) => {
  const { api, page, open } = await bench(t)
  smallFleet(api)
  await open('/')
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  t.true(api.requests.includes('POST /auth/logout'))
})
