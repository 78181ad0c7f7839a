import test from 'ava'
import fc from 'fast-check'
import { parseFieldSelector, parseLabelSelector } from '#hub/resources/selectors.ts'
import { taskKind } from '#hub/resources/kinds/task.ts'
import type { Resource } from '#shared/contract/meta.ts'

const labelled = (labels: Record<string, string>): Resource => ({ apiVersion: '', kind: '', metadata: { name: 'x', labels }, spec: {} })
const matches = (selector: string, labels: Record<string, string>) => parseLabelSelector(selector)(labelled(labels))

// Selector, labels it matches, labels it does not match (examples of Kubernetes' documentation among them).
const cases: [string, Record<string, string>[], Record<string, string>[]][] = [
  ['', [{}, { a: 'b' }], []],
  ['a', [{ a: '' }, { a: 'b' }], [{}]],
  ['!a', [{}, { b: 'a' }], [{ a: '' }]],
  ['a=b', [{ a: 'b' }], [{}, { a: 'c' }]],
  ['a==b', [{ a: 'b' }], [{ a: 'c' }]],
  ['a = b', [{ a: 'b' }], [{ a: 'c' }]],
  ['a=', [{ a: '' }], [{}, { a: 'b' }]],
  ['a!=b', [{}, { a: 'c' }], [{ a: 'b' }]],
  ['environment in (production, qa)', [{ environment: 'qa' }, { environment: 'production' }], [{}, { environment: 'dev' }]],
  ['tier notin (frontend,backend)', [{}, { tier: 'cache' }], [{ tier: 'backend' }]],
  ['a in (,b)', [{ a: '' }, { a: 'b' }], [{}]],
  [
    'partition,environment notin (qa)',
    [{ partition: '1', environment: 'x' }],
    [{ environment: 'x' }, { partition: '1', environment: 'qa' }],
  ],
  ['a=b,c!=d', [{ a: 'b' }], [{ a: 'b', c: 'd' }]],
  ['n>5', [{ n: '6' }, { n: '99999999999999999999' }], [{ n: '5' }, { n: 'x' }, {}]],
  ['n<5', [{ n: '-1' }], [{ n: '5' }]],
  ['example.com/role=infra', [{ 'example.com/role': 'infra' }], [{ role: 'infra' }]],
  ['in in (in)', [{ in: 'in' }], [{}]],
  ['!constructor', [{}], [{ constructor: 'x' }]],
]
for (const [selector, good, bad] of cases)
  test(`label selector "${selector}"`, (t) => {
    for (const labels of good) t.true(matches(selector, labels), JSON.stringify(labels))
    for (const labels of bad) t.false(matches(selector, labels), JSON.stringify(labels))
  })

for (const selector of [
  '=',
  'a=b=c',
  'a in b',
  'a in (b',
  'a,',
  ',a',
  'a b',
  '-a',
  'a=b c',
  'a in ()x',
  '!',
  'a/b/c',
  'n>x',
  'a=-b',
  '(a)',
  'a notin',
])
  test(`label selector "${selector}" is refused as a bad request`, (t) => {
    t.throws(() => parseLabelSelector(selector), { name: 'ApiError', message: /label selector/ })
  })

test('a label selector is parsed or refused, whatever it is', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab=!,()<> innot/.-'.split('')) }), (selector) => {
      try {
        parseLabelSelector(selector)(labelled({ a: 'b' }))
        return true
      } catch (error) {
        return (error as Error).name === 'ApiError'
      }
    }),
  )
  t.pass()
})

const task = { ...labelled({}), spec: { machine: 'm', action: 'exec' }, status: { state: 'Running' } }

test('field selectors compare the fields that the kind declares', (t) => {
  const by = (selector: string) => parseFieldSelector(selector, taskKind)(task)
  t.true(by('spec.machine=m,status.state!=Failed'))
  t.true(by('metadata.name==x'))
  t.false(by('spec.machine=m,status.state=Failed'))
  t.true(by(''))
})

for (const selector of ['spec.input=x', 'constructor=x', 'spec.machine', 'metadata.uid=1'])
  test(`field selector "${selector}" is refused`, (t) => {
    t.throws(() => parseFieldSelector(selector, taskKind), { name: 'ApiError' })
  })
