import test from 'ava'
import { plainLine } from '#shared/schema/plain-line.ts'

test('what a stranger said becomes one line without controls, cut to its length', (t) => {
  t.is(plainLine('  a\r\nb\u0007\u202ec\u2028d\ufeff ', 80), 'a b c d')
  t.is(plainLine('x'.repeat(100), 10), `${'x'.repeat(9)}…`)
  t.is(plainLine('ÄÖ€', 3), 'ÄÖ€')
  t.is(plainLine('\ud800a', 80), '\ufffda')
})
