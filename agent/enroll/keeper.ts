// Which identity is in use now, through renewals: a new generation is used from the next connection on, the old one goes when the
// new one has worked, and comes back when the hub does not accept the new one.
import type { IdentityStore } from '#agent/enroll/identity-store.ts'
import type { Identity } from '#agent/link/types.ts'
import { AgentError } from '#shared/errors/agent-error.ts'
import type { Log } from '#shared/log/log.ts'

export interface IdentityKeeper {
  current(): Identity
  /** Puts a staged generation into use. */
  activate(identity: Identity): void
  /** The hub accepted a Hello with it. */
  used(identity: Identity): void
  /** The hub refused it. Returns true when there is another generation to try, which is current() now. */
  refused(identity: Identity): boolean
}

/** @throws AgentError NotEnrolled, IdentityDamaged */
export function createKeeper(store: IdentityStore, log: Log): IdentityKeeper {
  const loaded = store.current()
  if (!loaded) throw new AgentError('NotEnrolled', 'there is no identity in the state directory')
  let current: Identity = loaded
  let isProven = false

  const use = (identity: Identity) => {
    store.activate(identity.generation)
    current = identity
    isProven = false
  }

  return {
    current: () => current,
    activate: use,
    used(identity) {
      if (identity.generation !== current.generation || isProven) return
      isProven = true
      store.keepOnly(identity.generation)
    },
    refused(identity) {
      if (identity.generation !== current.generation || isProven) return false
      const [other] = store.others()
      if (!other) return false
      log.warn({ refused: identity.generation, instead: other.generation }, 'identity: the hub refused it, trying the other generation')
      use(other)
      return true
    },
  }
}
