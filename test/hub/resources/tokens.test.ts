import { randomBytes } from 'node:crypto'
import test from 'ava'
import { hashToken, newToken, tokenPattern } from '#hub/resources/tokens.ts'

test('tokens have their form, 160 random bits and never come twice', (t) => {
  const tokens = Array.from({ length: 1000 }, () => newToken('mlj', randomBytes))
  for (const token of tokens) t.regex(token, tokenPattern)
  t.is(new Set(tokens).size, 1000)
  // 32 characters of 5 bits, each of which occurs.
  t.is(new Set(tokens.map((token) => token.slice(-32)).join('')).size, 32)
})

test('every random bit counts', (t) => {
  const zeros = (count: number) => new Uint8Array(count)
  const seen = new Set<string>([newToken('mla', zeros)])
  for (let bit = 0; bit < 160; bit++)
    seen.add(
      newToken('mla', (count) => {
        const bytes = new Uint8Array(count)
        if (count === 20) bytes[bit >> 3] = 1 << (bit & 7)
        return bytes
      }),
    )
  t.is(seen.size, 161)
})

test('the hash is SHA-256 of the whole token', (t) => {
  t.is(hashToken('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})
