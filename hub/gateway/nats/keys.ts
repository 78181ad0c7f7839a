// The hub's NATS identities: operator, system account, fleet account, the scoped key that signs agents' users, and the hub's
// own two users. One file of seeds, readable by the hub only; losing it means that no agent's JWT is valid any more.
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createAccount, createOperator, createUser, type KeyPair } from '@nats-io/jwt'
import { OperatorError } from '#shared/errors/api-error.ts'
import { writeFileDurably } from '#hub/pki/files.ts'
import { keyPairFromSeed } from './nkey.ts'

const makers = {
  operator: createOperator,
  systemAccount: createAccount,
  fleetAccount: createAccount,
  agentSigner: createAccount,
  hubUser: createUser,
  systemUser: createUser,
} as const
type KeyName = keyof typeof makers
const keyNames = Object.keys(makers) as KeyName[]

export type NatsKeys = Record<KeyName, { pair: KeyPair; publicKey: string; seed: string }>

const seedOf = (pair: KeyPair): string => Buffer.from(pair.getSeed()).toString()

/** Throws OperatorError NatsKeysDamaged rather than making keys anew when there have been some. */
export async function loadNatsKeys(directory: string): Promise<NatsKeys> {
  const path = join(directory, 'keys.json')
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined
    throw damaged(path, 'it cannot be read', cause)
  })
  if (text !== undefined) return parse(path, text)
  if ((await readdir(directory)).includes('account.jwt')) throw damaged(path, 'it is missing')
  const seeds = Object.fromEntries(keyNames.map((name) => [name, seedOf(makers[name]())]))
  await writeFileDurably(path, `${JSON.stringify(seeds, undefined, 2)}\n`)
  return parse(path, JSON.stringify(seeds))
}

function parse(path: string, text: string): NatsKeys {
  try {
    const seeds = JSON.parse(text) as Record<KeyName, string>
    return Object.fromEntries(
      keyNames.map((name) => {
        const pair = keyPairFromSeed(seeds[name])
        return [name, { pair, publicKey: pair.getPublicKey(), seed: seeds[name] }]
      }),
    ) as NatsKeys
  } catch (cause) {
    throw damaged(path, 'it does not hold the six seeds this hub writes', cause)
  }
}

function damaged(path: string, what: string, cause?: unknown): OperatorError {
  return new OperatorError(
    'NatsKeysDamaged',
    `The hub's NATS keys ${path} cannot be used: ${what}.`,
    'Restore the file from a backup. Without one, move the directory away and start again: machines get new NATS credentials when they renew their identity.',
    cause,
  )
}
