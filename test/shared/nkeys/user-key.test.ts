import { createUser, fromPublic, fromSeed } from '@nats-io/nkeys'
import test from 'ava'
import fc from 'fast-check'
import { decodeBase32, encodeBase32 } from '#shared/nkeys/base32.ts'
import { createUserSeed, openUserSeed } from '#shared/nkeys/user-key.ts'

test('base32 gives back what it was given, and refuses other characters', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => t.deepEqual(decodeBase32(encodeBase32(bytes)), Buffer.from(bytes))))
  t.throws(() => decodeBase32('A1'))
})

test('a seed made here is a user seed for the NATS library, and the other way round', (t) => {
  for (let round = 0; round < 20; round++) {
    const ours = createUserSeed()
    t.is(fromSeed(Buffer.from(ours)).getPublicKey(), openUserSeed(ours).publicKey)
    const theirs = createUser()
    t.is(openUserSeed(Buffer.from(theirs.getSeed()).toString('ascii')).publicKey, theirs.getPublicKey())
  }
})

test('the NATS library accepts our signature of a nonce', (t) => {
  const key = openUserSeed(createUserSeed())
  const nonce = Buffer.from('nonce')
  t.true(fromPublic(key.publicKey).verify(nonce, key.sign(nonce)))
  t.false(fromPublic(key.publicKey).verify(Buffer.from('other'), key.sign(nonce)))
})

test('a damaged seed or one of another kind is refused', (t) => {
  const seed = createUserSeed()
  const other = seed[20] === 'A' ? 'B' : 'A'
  t.throws(() => openUserSeed(seed.slice(0, 20) + other + seed.slice(21)))
  t.throws(() => openUserSeed(openUserSeed(seed).publicKey))
  t.throws(() => openUserSeed(''))
})
