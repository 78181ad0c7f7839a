import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from '#shared/clock/clock.ts'
import { silentLog } from '#shared/log/log.ts'
import { createAuth } from '#hub/auth/create.ts'
import type { Auth } from '#hub/auth/types.ts'
import { createResources } from '#hub/resources/create.ts'
import { kindDefinitions } from '#hub/resources/kinds/index.ts'
import type { Resources } from '#hub/resources/types.ts'
import { openStore } from '#hub/store/open.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { testCredentialKind } from '#test/hub/credentials/support.ts'

interface Owner {
  teardown(run: () => Promise<void>): void
}

/** A clock that stands until it is moved; timers run when it passes them. */
export function movableClock(start = Date.parse('2026-11-22T10:00:00Z')): Clock & { advance(ms: number): void } {
  let now = 0
  let timers: { at: number; run: () => void }[] = []
  return {
    now: () => new Date(start + now),
    monotonicMs: () => now,
    setTimer(delayMs, run) {
      const timer = { at: now + delayMs, run }
      timers.push(timer)
      return { cancel: () => void (timers = timers.filter((one) => one !== timer)) }
    },
    advance(ms) {
      now += ms
      const due = timers.filter((timer) => timer.at <= now)
      timers = timers.filter((timer) => timer.at > now)
      for (const { run } of due) run()
    },
  }
}

export async function startAuth(
  t: Owner,
): Promise<{ auth: Auth; resources: Resources; clock: ReturnType<typeof movableClock>; directory: string }> {
  const directory = await tempDir(t)
  const clock = movableClock()
  const store = await openStore({ path: join(directory, 'hub.db'), log: silentLog, clock })
  const resources = createResources({
    store,
    definitions: kindDefinitions({ randomBytes, installCommand: () => '', ...testCredentialKind() }),
    clock,
    random: Math.random,
  })
  const auth = createAuth({ resources, clock, randomBytes })
  t.teardown(async () => {
    auth.close()
    await store.close()
  })
  return { auth, resources, clock, directory }
}

export const manifest = (kind: string, name: string, spec: object) => ({
  apiVersion: 'moorline.dev/v1alpha1',
  kind,
  metadata: { name },
  spec,
})
