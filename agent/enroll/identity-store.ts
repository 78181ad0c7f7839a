// Identities on disk, in generations, so that a kill between any two steps never locks the machine out:
//
//   identity/identity-<n>/private-key.pem, nats.seed   made first, before the hub is asked
//   identity/identity-<n>/identity.json                what the hub answered; the generation is complete with it ("staged")
//   identity/current                                   the number in use; swapped by rename ("activated")
//
// The generation before stays until the new one has been used; a failed new one leads back to it.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Type from 'typebox'
import Value from 'typebox/value'
import { ensurePrivateDirectory, fsyncDirectory, readIfThere, writeDurable } from '#agent/enroll/files.ts'
import { createKeys, type Keys } from '#agent/enroll/keys.ts'
import { splitPem } from '#agent/link/tls.ts'
import type { Identity } from '#agent/link/types.ts'
import type { IdentityBundle } from '#proto/moorline/v1/procedures.ts'
import { agentIdPattern } from '#shared/contract/subjects.ts'
import { AgentError, messageOf } from '#shared/errors/agent-error.ts'

const StoredIdentity = Type.Object({
  agentId: Type.String({ pattern: agentIdPattern.source }),
  machineName: Type.String({ maxLength: 253 }),
  certificateChain: Type.String(),
  fleetCa: Type.String(),
  natsUserJwt: Type.String(),
  pins: Type.Array(Type.String(), { minItems: 1 }),
  taskSigningKeys: Type.Array(Type.String(), { description: 'base64' }),
})

export interface IdentityStore {
  /** The generation in use; undefined before enrolment. @throws AgentError IdentityDamaged */
  current(): Identity | undefined
  /** Every complete generation besides the one in use, newest first. */
  others(): Identity[]
  /** Keys of the unfinished generation, made now when there is none. */
  pendingKeys(): { generation: number; keys: Keys }
  /** The same without making any. */
  askedKeys(): Keys | undefined
  /** Completes the unfinished generation. It is not in use yet. */
  stage(generation: number, name: { agentId: string; machineName: string }, bundle: IdentityBundle): Identity
  activate(generation: number): void
  /** Removes every generation but this one: it works. */
  keepOnly(generation: number): void
  /** Removes everything, keys included. */
  erase(): void
  /** Hash of the join token that the newest request was made with, where it is kept. */
  joinedWith(): string | undefined
  setJoinedWith(tokenHash: string): void
  /**
   * Resolves when everything so far is where it outlives this directory; on a machine that is the directory itself. Keys are saved
   * before the hub is asked with them, and an identity before it is used.
   * @throws AgentError IdentitySecretUnavailable, IdentityInUse
   */
  saved(): Promise<void>
}

export function openIdentityStore(stateDir: string): IdentityStore {
  const root = join(stateDir, 'identity')
  const directoryOf = (generation: number) => join(root, `identity-${generation}`)
  const pointer = join(root, 'current')

  const generations = (): number[] => {
    try {
      return readdirSync(root)
        .map((name) => Number(/^identity-(\d{1,9})$/.exec(name)?.[1] ?? 0))
        .filter((generation) => generation > 0)
        .sort((a, b) => b - a)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  }

  const readKeys = (generation: number): Keys | undefined => {
    const privateKey = readIfThere(join(directoryOf(generation), 'private-key.pem'))
    const natsSeed = readIfThere(join(directoryOf(generation), 'nats.seed'))?.trim()
    return privateKey && natsSeed ? { privateKey, natsSeed } : undefined
  }

  /** A staged generation above the pointer was never used: its place is taken by a fresh one with fresh keys. */
  const unfinished = (): number => {
    const inUse = Number(readIfThere(pointer) ?? 0)
    const [newest = 0] = generations()
    return newest > inUse && readIfThere(join(directoryOf(newest), 'identity.json')) === undefined ? newest : newest + 1
  }

  const read = (generation: number): Identity | undefined => {
    const path = join(directoryOf(generation), 'identity.json')
    const text = readIfThere(path)
    if (text === undefined) return undefined
    const keys = readKeys(generation)
    if (!keys) throw new AgentError('IdentityDamaged', `${directoryOf(generation)}: private-key.pem or nats.seed is missing`)
    try {
      return toIdentity(generation, keys, JSON.parse(text))
    } catch (error) {
      throw new AgentError('IdentityDamaged', `${path}: ${messageOf(error)}`, error)
    }
  }

  return {
    current() {
      const text = readIfThere(pointer)
      if (text === undefined) {
        // Killed between staging the first identity and activating it: the hub has given it, so it is the one.
        const [staged] = this.others()
        if (staged) this.activate(staged.generation)
        return staged
      }
      const generation = /^[1-9]\d{0,8}\n$/.test(text) ? Number(text) : undefined
      const identity = generation === undefined ? undefined : read(generation)
      if (!identity) throw new AgentError('IdentityDamaged', `${pointer} does not name a complete generation`)
      return identity
    },
    others() {
      const inUse = Number(readIfThere(pointer) ?? 0)
      return generations().flatMap((generation) => (generation === inUse ? [] : (read(generation) ?? [])))
    },
    pendingKeys() {
      const generation = unfinished()
      const found = readKeys(generation)
      if (found) return { generation, keys: found }
      const keys = createKeys()
      ensurePrivateDirectory(root)
      ensurePrivateDirectory(directoryOf(generation))
      writeDurable(join(directoryOf(generation), 'nats.seed'), `${keys.natsSeed}\n`)
      writeDurable(join(directoryOf(generation), 'private-key.pem'), keys.privateKey)
      return { generation, keys }
    },
    askedKeys: () => readKeys(unfinished()),
    stage(generation, { agentId, machineName }, bundle) {
      const stored = {
        agentId,
        machineName,
        certificateChain: bundle.certificateChain,
        fleetCa: bundle.fleetCa,
        natsUserJwt: bundle.natsUserJwt,
        pins: bundle.pins,
        taskSigningKeys: bundle.taskSigningKeys.map((key) => Buffer.from(key).toString('base64')),
      }
      const keys = readKeys(generation)
      if (!keys) throw new AgentError('IdentityDamaged', `${directoryOf(generation)}: the keys of this request are gone`)
      const identity = toIdentity(generation, keys, stored)
      writeDurable(join(directoryOf(generation), 'identity.json'), `${JSON.stringify(stored, undefined, 2)}\n`)
      return identity
    },
    activate(generation) {
      writeDurable(pointer, `${generation}\n`)
    },
    keepOnly(generation) {
      for (const other of generations()) {
        if (other !== generation) rmSync(directoryOf(other), { recursive: true, force: true })
      }
      fsyncDirectory(root)
    },
    erase() {
      rmSync(root, { recursive: true, force: true })
      fsyncDirectory(stateDir)
    },
    joinedWith: () => readIfThere(join(root, 'joined-with'))?.trim(),
    setJoinedWith(tokenHash) {
      ensurePrivateDirectory(root)
      writeDurable(join(root, 'joined-with'), `${tokenHash}\n`)
    },
    saved: () => Promise.resolve(),
  }
}

/** Checks that the parts fit each other; throws a plain Error that says which do not. */
function toIdentity(generation: number, keys: Keys, stored: unknown): Identity {
  if (!Value.Check(StoredIdentity, stored)) {
    const [first] = Value.Errors(StoredIdentity, stored)
    throw new Error(`${first?.instancePath || 'the document'} ${first?.message ?? 'is not an identity'}`)
  }
  const [leafPem] = splitPem(stored.certificateChain)
  if (!leafPem) throw new Error('certificateChain holds no certificate')
  const leaf = new X509Certificate(leafPem)
  if (!leaf.checkPrivateKey(createPrivateKey(keys.privateKey))) throw new Error('the certificate is for another key')
  if (splitPem(stored.fleetCa).length === 0) throw new Error('fleetCa holds no certificate')
  return {
    generation,
    agentId: stored.agentId,
    machineName: stored.machineName,
    fleetCa: stored.fleetCa,
    pins: stored.pins,
    cert: stored.certificateChain,
    key: keys.privateKey,
    serial: leaf.serialNumber.toLowerCase(),
    notBefore: new Date(leaf.validFrom),
    notAfter: new Date(leaf.validTo),
    natsUserJwt: stored.natsUserJwt,
    natsSeed: keys.natsSeed,
    taskSigningKeys: stored.taskSigningKeys.map((key) => Buffer.from(key, 'base64')),
  }
}
