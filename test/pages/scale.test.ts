import test from 'ava'
import { useBench } from './bench.ts'
import { machine, smallFleet } from './fixtures.ts'

const bench = useBench(test)

test('ten thousand machines can be searched, filtered, sorted and paged without waiting', async (t) => {
  const { api, page, open, complaints } = await bench(t)
  for (let index = 0; index < 10_000; index++)
    api.put(
      'machines',
      machine(`node-${String(index).padStart(5, '0')}`, {
        spec: { clusterRef: `edge-${index % 40}`, ipv4: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}` },
        status: index % 100 === 0 ? { phase: 'Disconnected' } : {},
        labels: { zone: `dc${index % 3}` },
      }),
    )
  const total = (count: string) =>
    page.waitForFunction((wanted) => document.querySelector('.pf-v6-c-pagination')?.textContent?.includes(`of ${wanted}`), count)
  const startedMs = performance.now()
  await open('/machines')
  await page.getByRole('link', { name: 'node-00000' }).waitFor()
  t.log(`first rows after ${Math.round(performance.now() - startedMs)} ms`)
  await total('10000')
  t.log(`all of them after ${Math.round(performance.now() - startedMs)} ms`)
  t.is(await page.locator('[data-row]').count(), 50)

  const timed = async (what: string, act: () => Promise<unknown>, seen: () => Promise<unknown>) => {
    const from = performance.now()
    await act()
    await seen()
    const took = performance.now() - from
    t.log(`${what}: ${Math.round(took)} ms`)
    t.true(took < 2_000, `${what} took ${Math.round(took)} ms`)
  }
  const only = (count: number, name: string) =>
    page.waitForFunction(
      ([wanted, first]) =>
        document.querySelectorAll('[data-row]').length === wanted &&
        document.querySelector('[data-row]')?.getAttribute('data-row') === first,
      [count, name] as const,
    )
  const search = page.getByRole('textbox', { name: 'Search Machines' })
  await timed(
    'search',
    () => search.fill('node-0777'),
    () => only(10, 'node-07770'),
  )
  await timed(
    'clear',
    () => search.fill(''),
    () => only(50, 'node-00000'),
  )
  await timed(
    'sort',
    () => page.getByRole('button', { name: 'Name' }).click(),
    () => only(50, 'node-09999'),
  )
  await timed(
    'page',
    () => page.getByRole('button', { name: 'Go to next page' }).first().click(),
    () => only(50, 'node-09949'),
  )
  await page.goto(`${page.url().split('?')[0]}?phase=Disconnected&cluster=edge-0`)
  await only(50, 'node-00000')
  t.regex(page.url(), /phase=Disconnected/)

  await timed(
    'a thousand changes',
    async () => {
      for (let index = 0; index < 1_000; index++)
        api.put(
          'machines',
          machine(`node-${String(index * 10).padStart(5, '0')}`, {
            spec: { clusterRef: 'edge-0' },
            status: { phase: 'Disconnected', agentVersion: '0.2.0' },
          }),
        )
    },
    () => total('1000'),
  )
  t.deepEqual(complaints, [])
})

test('the first paint comes within a second, from few bytes', async (t) => {
  const { api, page, open } = await bench(t)
  smallFleet(api)
  let bytes = 0
  page.on('response', (response) => {
    if (response.url().includes('/assets/')) bytes += Number(response.headers()['content-length'] ?? 0)
  })
  await open('/')
  await page.getByRole('heading', { name: 'Needs attention' }).waitFor()
  const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN)
  t.log(`first contentful paint ${Math.round(paint)} ms, ${Math.round(bytes / 1024)} KiB of assets before compression`)
  t.true(paint < 1_000, `${paint} ms`)
})
