// The identity of an agent that runs as a pod. Its directory is in memory and goes with the pod, so its files are kept in one Secret of
// the cluster as well, and the Secret is what counts: at start it replaces what the directory has.
//
// The order is that of the generations (identity-store.ts), with one more rule: nothing is used before it is in the Secret. Keys are
// saved before the hub is asked, what the hub answered before it is used, and the generation before goes only after that; so a pod that
// is killed anywhere comes back with an identity that the hub accepts. A Secret that cannot be written means a renewal that waits.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { ensurePrivateDirectory, readIfThere, writeDurable } from '#agent/enroll/files.ts'
import { type IdentityStore, openIdentityStore } from '#agent/enroll/identity-store.ts'
import { type KubeApi, KubeApiError } from '#agent/kube/api.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { AgentError, messageOf } from '#shared/errors/agent-error.ts'
import { fullJitterMs } from '#shared/flow/backoff.ts'
import { createTurns } from '#shared/flow/turns.ts'
import type { Log } from '#shared/log/log.ts'

export interface IdentitySecretOptions {
  stateDir: string
  secret: { namespace: string; name: string }
  api: Pick<KubeApi, 'get' | 'put'>
  clock: Clock
  random: () => number
  log: Log
  /** Another agent has written the Secret: this one must end. */
  onTaken(error: AgentError): void
}

const Data = Type.Record(Type.String(), Type.String({ maxLength: 512 * 1024 }))
const Secret = Type.Object({
  metadata: Type.Object({ name: Type.String(), resourceVersion: Type.String({ maxLength: 128 }) }),
  data: Type.Optional(Type.Union([Data, Type.Null()])),
})
type Secret = Static<typeof Secret>

/** Keys of the Secret, which have no slashes; what else is in it stays as it is. */
const keyPattern = /^(current|joined-with|identity-\d{1,9}\.(private-key\.pem|nats\.seed|identity\.json))$/
const filePattern = /^(private-key\.pem|nats\.seed|identity\.json)$/
const backoff = { baseMs: 1_000, maxMs: 60_000 }
const conflictsMost = 5

/** Restores what the Secret has. @throws AgentError IdentitySecretUnavailable */
export async function openIdentitySecret(options: IdentitySecretOptions): Promise<IdentityStore> {
  const { stateDir, secret, api, clock, random, log } = options
  const root = join(stateDir, 'identity')
  const path = `/api/v1/namespaces/${secret.namespace}/secrets/${secret.name}`
  const store = openIdentityStore(stateDir)
  let object = await read()
  let saved = ownData(object)
  restore(root, saved)

  async function read(): Promise<Secret> {
    return checked(await api.get(path).catch(unavailable))
  }

  async function write(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const wanted = snapshot(root)
      if (isSame(wanted, saved)) return
      const foreign = Object.fromEntries(Object.entries(object.data ?? {}).filter(([key]) => !keyPattern.test(key)))
      try {
        object = checked(await api.put(path, { ...object, data: { ...foreign, ...wanted } }))
        saved = wanted
        return
      } catch (error) {
        if (!(error instanceof KubeApiError && error.status === 409) || attempt === conflictsMost) throw unavailableOf(error)
      }
      // Its labels may have changed, as when the manifest is applied again. Another identity in it is another agent's.
      object = await read()
      const found = ownData(object)
      if (isSame(found, wanted)) saved = wanted
      else if (!isSame(found, saved))
        throw new AgentError('IdentityInUse', `another agent has written the Secret ${secret.namespace}/${secret.name}`)
    }
  }

  const turns = createTurns()
  const save = (): Promise<void> =>
    turns.take(write).catch((error: unknown) => {
      if (error instanceof AgentError && error.code === 'IdentityInUse') options.onTaken(error)
      throw error
    })

  /** For what may come later: which generation is in use, and that the one before is gone. */
  function saveSoon(attempt = 0): void {
    save().catch((error: unknown) => {
      if (error instanceof AgentError && error.code === 'IdentityInUse') return
      const retryMs = fullJitterMs(attempt, random(), backoff)
      log.warn({ reason: messageOf(error), retryMs: Math.round(retryMs) }, 'identity: not yet in its Secret')
      clock.setTimer(retryMs, () => saveSoon(attempt + 1), true)
    })
  }

  return {
    ...store,
    activate(generation) {
      store.activate(generation)
      saveSoon()
    },
    keepOnly(generation) {
      store.keepOnly(generation)
      saveSoon()
    },
    saved: save,
  }

  function checked(value: unknown): Secret {
    if (Value.Check(Secret, value)) return value
    throw new AgentError('IdentitySecretUnavailable', `${path}: what the API server answers is no Secret`)
  }
  function unavailable(error: unknown): never {
    throw unavailableOf(error)
  }
  function unavailableOf(error: unknown): AgentError {
    return error instanceof AgentError ? error : new AgentError('IdentitySecretUnavailable', messageOf(error), error)
  }
}

/** The files below identity/, as the data of a Secret. */
function snapshot(root: string): Record<string, string> {
  const data: Record<string, string> = {}
  const add = (key: string, file: string) => {
    const text = readIfThere(file)
    if (text !== undefined) data[key] = Buffer.from(text).toString('base64')
  }
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    if (!entry.isDirectory()) {
      if (keyPattern.test(entry.name)) add(entry.name, join(root, entry.name))
    } else
      for (const name of readdirSync(join(root, entry.name)))
        if (filePattern.test(name)) add(`${entry.name}.${name}`, join(root, entry.name, name))
  }
  return data
}

/** Nothing of what the directory had stays: it was either saved or never used. */
function restore(root: string, data: Record<string, string>): void {
  rmSync(root, { recursive: true, force: true })
  ensurePrivateDirectory(root)
  for (const [key, value] of Object.entries(data)) {
    const [, directory, name] = /^(identity-\d+)\.(.+)$/.exec(key) ?? []
    if (directory) ensurePrivateDirectory(join(root, directory))
    writeDurable(directory && name ? join(root, directory, name) : join(root, key), Buffer.from(value, 'base64').toString('utf8'))
  }
}

function ownData({ data }: Secret): Record<string, string> {
  return Object.fromEntries(Object.entries(data ?? {}).filter(([key]) => keyPattern.test(key)))
}

function isSame(one: Record<string, string>, other: Record<string, string>): boolean {
  const keys = Object.keys(one)
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key])
}
