import test from 'ava'
import fc from 'fast-check'
import { parseJson } from '#shared/schema/safe-json.ts'

const limits = { maxBytes: 1000, maxDepth: 5 }
const refused = { name: 'JsonRefused' }

test('what JSON.parse gives is what comes out', (t) => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const text = JSON.stringify(value)
      fc.pre(!text.includes('__proto__') && !text.includes('constructor'))
      const wide = { maxBytes: 1e6, maxDepth: 64 }
      t.deepEqual(parseJson(text, wide), JSON.parse(text))
      t.deepEqual(parseJson(Buffer.from(text), wide), JSON.parse(text))
    }),
  )
})

test('size is limited in bytes, one over is too much', (t) => {
  const text = (count: number) => JSON.stringify('x'.repeat(count - 2))
  t.notThrows(() => parseJson(text(1000), limits))
  t.throws(() => parseJson(text(1001), limits), refused)
  t.throws(() => parseJson(JSON.stringify('é'.repeat(500)), limits), refused)
  t.throws(() => parseJson(Buffer.alloc(1001, ' '), limits), refused)
})

test('depth is limited, and brackets in strings do not count', (t) => {
  t.notThrows(() => parseJson('[[[[[]]]]]', limits))
  t.throws(() => parseJson('[[[[[[]]]]]]', limits), refused)
  t.throws(() => parseJson('['.repeat(100_000), { maxBytes: 1e6, maxDepth: 64 }), refused)
  t.is(parseJson('"[[[[[[[[\\"[["', limits), '[[[[[[[["[[')
})

for (const text of [
  '{"__proto__":{"a":1}}',
  '[{"a":{"__proto__":1}}]',
  '{"\\u005f_proto__":1}',
  '{"constructor":{"prototype":{"a":1}}}',
  '{"constr\\u0075ctor":{"prototype":1}}',
])
  test(`a key that reaches into a prototype is refused: ${text}`, (t) => {
    t.throws(() => parseJson(text, limits), refused)
  })

test('the same words as values or harmless keys are fine', (t) => {
  t.deepEqual(parseJson('{"constructor":"x","a":"__proto__","prototype":1}', limits), { constructor: 'x', a: '__proto__', prototype: 1 })
})

test('what is no JSON or no UTF-8 is refused with a sentence', (t) => {
  for (const text of ['', '{', '{"a":}', 'undefined', Buffer.from([0x22, 0xff, 0x22])]) t.throws(() => parseJson(text, limits), refused)
})
