import test from 'ava'
import { checkHabits } from '#scripts/check/habits.ts'
import { isProduct, readSources } from '#scripts/check/sources.ts'

const namesOf = (path: string, text: string) => checkHabits({ path, text }).map((line) => line.replace(/^\S+ (.*):.*$/, '$1'))

test('the sources keep the habits', async (t) => {
  const sources = await readSources()
  t.deepEqual(sources.flatMap(checkHabits), [])
})

test('product files are small: at most 300 lines in 95 of 100, never over 400', async (t) => {
  const sizes = (await readSources((path) => isProduct(path) && /\.tsx?$/.test(path))).map(({ path, text }) => ({
    path,
    lines: text.split('\n').length,
  }))
  sizes.sort((a, b) => a.lines - b.lines)
  t.deepEqual(
    sizes.filter(({ lines }) => lines > 400),
    [],
  )
  t.true((sizes[Math.floor(sizes.length * 0.95)]?.lines ?? 0) <= 300)
})

test('a clock, an environment and a timer in product code are found, in comments they are not', (t) => {
  t.deepEqual(namesOf('hub/api/x.ts', 'const a = Date.now()\nsetTimeout(f, 1)\nprocess.env.X'), ['wall time', 'timers', 'environment'])
  t.deepEqual(namesOf('hub/api/x.ts', '// never Date.now() here\n/* setTimeout( */'), [])
  t.deepEqual(namesOf('hub/main.ts', 'process.env.X'), [])
})

test('a swallowed error is found in both forms, one with a reason is not', (t) => {
  t.deepEqual(namesOf('agent/x/y.ts', 'try { a() } catch {}'), ['silent catch'])
  t.deepEqual(namesOf('agent/x/y.ts', 'await a().catch(() => {})'), ['silent catch'])
  t.deepEqual(namesOf('agent/x/y.ts', 'await a().catch(() => undefined)'), ['silent catch'])
  t.deepEqual(namesOf('agent/x/y.ts', 'try { a() } catch {\n  // Already gone.\n}'), [])
})

test('unfinished work, machine paths and sleeping tests are found', (t) => {
  t.deepEqual(namesOf('hub/api/x.ts', `// ${'TO'}${'DO'} later`), ['unfinished work'])
  t.deepEqual(namesOf('hub/api/x.ts', "const a = '/home/someone/x'"), ['paths of one machine'])
  t.deepEqual(namesOf('test/hub/x.test.ts', `await del${'ay'}(500)`), ['sleeping tests'])
})
