// F-35: a machine that puts an attack into every string it can send, on every page that shows one of them.
import test from 'ava'
import type { Page } from 'playwright-core'
import { useBench } from './bench.ts'
import type { FakeApi } from './fake-api.ts'
import { facts, machine, pendingMachine, row, smallFleet, task } from './fixtures.ts'
import { minutesAgo } from './moments.ts'

const bench = useBench(test)

const payloads = [
  '<img src=x onerror="window.hacked=1">',
  '<script>window.hacked=1</script>',
  '"><svg onload=window.hacked=1>',
  'javascript:window.hacked=1//',
  "'-alert(1)-'{{constructor.constructor('window.hacked=1')()}}${window.hacked=1}",
  '</title></textarea><iframe srcdoc="<script>parent.hacked=1</script>">',
  '\u202egnp.exe\u0000\u001b[31m\u001b]8;;javascript:window.hacked=1\u0007link',
]
let turn = 0
const payload = () => payloads[turn++ % payloads.length] as string

/** The same shape with an attack in every string; times, names and words that the API itself fixes stay. */
function poison<T>(value: T, keep: readonly string[]): T {
  if (typeof value === 'string') return payload() as T
  if (Array.isArray(value)) return value.map((one) => poison(one, keep)) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, keep.includes(key) ? one : poison(one, keep)])) as T
}
const fixed = [
  'lastTransitionTime',
  'notBefore',
  'notAfter',
  'requestedAt',
  'lastHeartbeatTime',
  'finishedAt',
  'startedAt',
  'deliveredAt',
  'task',
]

function hostileFleet(api: FakeApi): void {
  smallFleet(api)
  const bad = machine('bad')
  api.put('machines', {
    ...bad,
    metadata: { ...bad.metadata, labels: { [payload()]: payload() } },
    spec: { ...bad.spec, displayName: payload(), ipv4: payload(), labels: { [payload()]: payload() }, role: payload() },
    status: { ...poison(bad.status, [...fixed, 'collectedAt']), phase: payload() },
  })
  const down = machine('down')
  api.put('machines', { ...down, status: { ...poison(down.status, fixed), phase: 'Disconnected' } })
  const asking = pendingMachine('asking')
  api.put('machines', { ...asking, status: { ...poison(asking.status, fixed), phase: 'Pending' } })
  const cluster = api.get('clusters', 'lab')
  if (cluster)
    api.put('clusters', {
      ...cluster,
      spec: { type: 'Registered', displayName: payload(), description: payload() },
      status: poison(cluster.status, fixed),
    })
  const check = (index: number, extra: Record<string, unknown>) => poison(row(`check-${index}`, extra), ['outcome', 'severity'])
  const rows = payloads.map((_one, index) => check(index, { outcome: 'fail', remedy: 'x', ignored: index % 2 === 0 }))
  api.put(
    'tasks',
    task('bad-preflight', 'bad', 'preflight', 'Running', { result: { rows }, progress: { percent: 5, message: payload() } }, 1),
  )
  api.put('tasks', task('bad-facts', 'bad', 'facts', 'Succeeded', { result: poison(facts(), []) }, 2))
  api.put(
    'tasks',
    task('bad-end', 'bad', payload(), 'Failed', { reason: payload(), message: payload(), result: poison({ a: { b: 'x' } }, []) }, 3),
  )
  const waiting = [{ type: 'Waiting', status: 'True', reason: payload(), message: payload(), lastTransitionTime: minutesAgo(3) }]
  api.put('tasks', task('bad-wait', 'bad', 'facts', 'Pending', { conditions: waiting }, 4))
  payloads.forEach((text, index) => {
    api.log('bad-end', {
      sequence: index + 1,
      at: payload(),
      stream: ['stdout', 'stderr', payload()][index % 3] as string,
      text: `${text}\n`,
    })
  })
  api.log('bad-end', {
    sequence: 50,
    at: minutesAgo(1),
    stream: 'stdout',
    text: `${'<b>'.repeat(400_000)}\n\u001b[2J\u001b[31mafter\u001b[0m\r\n`,
  })
}

const pages = [
  '/',
  '/machines',
  '/machines?sort=os&q=bad',
  '/machines/bad',
  '/machines/bad?tab=conditions',
  '/machines/bad?tab=facts',
  '/machines/bad?tab=tasks',
  '/machines/down?tab=conditions',
  '/machines/asking',
  '/clusters',
  '/clusters/lab',
  '/tasks',
  '/tasks/bad-preflight',
  '/tasks/bad-facts',
  '/tasks/bad-end',
  '/tasks/bad-wait',
  '/join',
]

/** Elements and attributes that only an attack could have made. */
function intruders(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = []
    if ('hacked' in window) found.push('a payload ran')
    if (document.querySelectorAll('iframe, img, object, embed').length > 0) found.push('an element was made')
    if (document.querySelectorAll('body script').length > 0) found.push('a script was made')
    for (const element of document.querySelectorAll('*'))
      for (const { name, value } of element.attributes) {
        if (name.startsWith('on')) found.push(`${element.tagName} has ${name}`)
        if (['href', 'src', 'action'].includes(name) && /^\s*javascript:/i.test(value)) found.push(`${element.tagName} leads to ${value}`)
      }
    return found
  })
}

for (const path of pages)
  test(`a hostile machine is only text on ${path}`, async (t) => {
    const { api, page, complaints, open } = await bench(t)
    hostileFleet(api)
    await open(path)
    await page.waitForFunction(() => !document.querySelector('.pf-v6-c-spinner'))
    for (const button of await page.getByRole('button', { name: 'Details' }).all()) await button.click()
    t.deepEqual(await intruders(page), [])
    t.deepEqual(complaints, [])
    if (!['/clusters', '/clusters/lab', '/join', '/'].includes(path))
      t.regex(await page.locator('main').innerText(), /hacked|\ufffd|constructor/)
    t.notRegex(await page.locator('main').innerText(), /[\u0000\u001b\u202e]/)
  })

test('a log line of a megabyte is cut and says so, and the page stays usable', async (t) => {
  const { api, page, open, complaints } = await bench(t)
  hostileFleet(api)
  await open('/tasks/bad-end')
  const log = page.getByRole('log')
  await log.getByText('more characters, in the download').waitFor()
  await log.getByText('after', { exact: true }).waitFor()
  const startedMs = performance.now()
  await page.getByRole('textbox', { name: 'Search the log' }).fill('after')
  await page.waitForFunction(() => document.querySelectorAll('.m-log-line').length === 1)
  t.true(performance.now() - startedMs < 3_000)
  t.deepEqual(complaints, [])
})
