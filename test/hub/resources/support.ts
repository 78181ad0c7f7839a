// Resources over a store of its own, with a clock that the test sets.
import { randomBytes } from 'node:crypto'
import type { ExecutionContext } from 'ava'
import { createResources } from '#hub/resources/create.ts'
import { kindDefinitions } from '#hub/resources/kinds/index.ts'
import type { Resources } from '#hub/resources/types.ts'
import type { OpenStoreOptions } from '#hub/store/open.ts'
import type { Store } from '#hub/store/types.ts'
import { systemClock } from '#shared/clock/clock.ts'
import type { ApiError, ErrorCause } from '#shared/errors/api-error.ts'
import { credentialKindOptions } from '#hub/credentials/kind-options.ts'
import type { Vault } from '#hub/credentials/vault.ts'
import { testVault } from '#test/hub/credentials/support.ts'
import { testStore } from '#test/hub/store/support.ts'

export interface TestResources {
  resources: Resources
  store: Store
  vault: Vault
  /** The same store through a hub with another key. */
  over(vault: Vault): Resources
  setNow(iso: string): void
  reopen(): Promise<Resources>
}

export async function testResources(t: ExecutionContext, options: Partial<OpenStoreOptions> = {}): Promise<TestResources> {
  const opened = await testStore(t, options)
  let now = new Date('2030-01-02T03:04:05.678Z')
  const clock = { ...systemClock, now: () => now }
  let seed = 1
  const random = () => {
    seed = (seed * 16807) % 2147483647
    return seed / 2147483647
  }
  const vault = testVault()
  const over = (store: Store, key: Vault = vault) =>
    createResources({
      definitions: kindDefinitions({ installCommand: (token) => `install ${token}`, randomBytes, ...credentialKindOptions(key) }),
      ...{ store, clock, random },
    })
  return {
    resources: over(opened.store),
    store: opened.store,
    vault,
    over: (key) => over(opened.store, key),
    setNow: (iso) => void (now = new Date(iso)),
    reopen: async () => over(await opened.reopen()),
  }
}

export const cluster = (name: string) => ({ metadata: { name }, spec: { type: 'Registered' } })
export const machine = (name: string, spec: object = {}, metadata: object = {}) => ({ metadata: { name, ...metadata }, spec })
export const execTask = (name: string, machineName: string, spec: object = {}) => ({
  metadata: { name },
  spec: { machine: machineName, action: 'exec', input: { command: ['true'] }, ...spec },
})

/** The refusal of a promise, with the causes as `field reason`. */
export async function refusal(
  t: ExecutionContext,
  promise: Promise<unknown>,
): Promise<{ code: string; status: number; message: string; causes: string[]; details: readonly ErrorCause[] }> {
  const error = (await t.throwsAsync(promise, { name: 'ApiError' })) as ApiError
  const causes = error.causes.map((cause) => `${cause.field} ${cause.reason}`)
  return { code: error.code, status: error.status, message: error.message, causes, details: error.causes }
}
