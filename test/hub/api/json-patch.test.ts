import test from 'ava'
import fc from 'fast-check'
import { applyJsonPatch, applyMergePatch } from '#hub/api/body/json-patch.ts'

// The examples of RFC 6902, appendix A, that are not about whole-document replacement.
const examples: [string, unknown, unknown[], unknown][] = [
  ['A.1', { foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { baz: 'qux', foo: 'bar' }],
  ['A.2', { foo: ['bar', 'baz'] }, [{ op: 'add', path: '/foo/1', value: 'qux' }], { foo: ['bar', 'qux', 'baz'] }],
  ['A.3', { baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
  ['A.4', { foo: ['bar', 'qux', 'baz'] }, [{ op: 'remove', path: '/foo/1' }], { foo: ['bar', 'baz'] }],
  ['A.5', { baz: 'qux', foo: 'bar' }, [{ op: 'replace', path: '/baz', value: 'boo' }], { baz: 'boo', foo: 'bar' }],
  [
    'A.6',
    { foo: { bar: 'baz', waldo: 'fred' }, qux: { corge: 'grault' } },
    [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }],
    { foo: { bar: 'baz' }, qux: { corge: 'grault', thud: 'fred' } },
  ],
  [
    'A.7',
    { foo: ['all', 'grass', 'cows', 'eat'] },
    [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
    { foo: ['all', 'cows', 'eat', 'grass'] },
  ],
  ['A.8', { baz: 'qux', foo: ['a', 2, 'c'] }, [{ op: 'test', path: '/foo/1', value: 2 }], { baz: 'qux', foo: ['a', 2, 'c'] }],
  ['A.14', { '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: 10 }], { '/': 9, '~1': 10 }],
  ['A.16', { foo: ['bar'] }, [{ op: 'add', path: '/foo/-', value: ['abc', 'def'] }], { foo: ['bar', ['abc', 'def']] }],
]
for (const [name, target, patch, expected] of examples)
  test(`RFC 6902 ${name} gives what the RFC says`, (t) => {
    t.deepEqual(applyJsonPatch(target, patch), expected)
  })

const refused: [string, unknown[]][] = [
  ['test of another value', [{ op: 'test', path: '/foo', value: 'x' }]],
  ['add below what is not there', [{ op: 'add', path: '/nope/a', value: 1 }]],
  ['remove of what is not there', [{ op: 'remove', path: '/nope' }]],
  ['replace of what is not there', [{ op: 'replace', path: '/nope', value: 1 }]],
  ['index with a leading zero', [{ op: 'add', path: '/list/01', value: 1 }]],
  ['index past the end', [{ op: 'add', path: '/list/3', value: 1 }]],
  ['an inherited name', [{ op: 'remove', path: '/toString' }]],
  ['move into itself', [{ op: 'move', from: '/map', path: '/map/a' }]],
  ['unknown operation', [{ op: 'spam', path: '/foo' }]],
  ['no value', [{ op: 'add', path: '/x' }]],
]
for (const [name, patch] of refused)
  test(`a JSON Patch with ${name} is refused and names the operation`, (t) => {
    const target = { foo: 'bar', list: [1], map: { a: 1 } }
    t.throws(() => applyJsonPatch(target, patch), { message: /operation 0/ })
    t.deepEqual(target, { foo: 'bar', list: [1], map: { a: 1 } })
  })

test('a merge patch of RFC 7386 removes, merges and replaces', (t) => {
  const target = { title: 'Goodbye!', author: { givenName: 'John', familyName: 'Doe' }, tags: ['example', 'sample'], content: 'This' }
  const patch = { title: 'Hello!', phone: '+01', author: { familyName: null }, tags: ['example'] }
  t.deepEqual(applyMergePatch(target, patch), {
    title: 'Hello!',
    author: { givenName: 'John' },
    tags: ['example'],
    content: 'This',
    phone: '+01',
  })
  t.deepEqual(applyMergePatch({ a: 'c' }, { a: { bb: { ccc: null } } }), { a: { bb: {} } })
})

test('merging the same patch twice is merging it once, and no patch changes its target', (t) => {
  const object = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.jsonValue({ maxDepth: 3 }))
  fc.assert(
    fc.property(object, object, (target, patch) => {
      const before = JSON.stringify(target)
      const once = applyMergePatch(target, patch)
      t.is(JSON.stringify(target), before)
      t.deepEqual(applyMergePatch(once, patch), once)
    }),
  )
})
