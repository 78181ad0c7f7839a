import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { type Clock, systemClock } from '#shared/clock/clock.ts'
import { openNatsUsers } from '#hub/gateway/nats/users.ts'
import { newAgentId } from '#test/hub/gateway/fixture.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'

const never = (): boolean => false

test('agents whose users have all expired are forgotten; one that renews meanwhile and a damaged file stay', async (t) => {
  const directory = await tempDir(t)
  let nowMs = Date.now()
  const clock: Clock = { ...systemClock, now: () => new Date(nowMs) }
  const users = await openNatsUsers(directory, clock)
  const [over, current, damaged] = [newAgentId(), newAgentId(), newAgentId()]
  const at = (ms: number): Date => new Date(nowMs + ms)
  await users.remember(over, 'UA', at(1_000))
  await users.remember(current, 'UB', at(1_000))
  await writeFile(join(directory, 'users', `${damaged}.json`), '[{')
  const files = async (): Promise<string[]> => (await readdir(join(directory, 'users'))).sort()
  await users.removeExpired(never)
  t.is((await files()).length, 3)
  nowMs += 2_000
  await users.removeExpired(() => true)
  t.is((await files()).length, 3, 'it is told to end before the first')
  const swept = users.removeExpired(never)
  await Promise.all([swept, users.remember(current, 'UB', at(1_000))])
  t.deepEqual(await files(), [current, damaged].map((agentId) => `${agentId}.json`).sort())
  t.false(await users.revoke(over))
  t.true(await users.revoke(current))
  t.deepEqual(Object.keys(users.revocations()), ['UB'])
})
