// F-23: the real agent program, killed with SIGKILL at each named step of enrolment and renewal. It is never locked out, and the hub
// sees one machine.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { AgentStatus } from '#agent/cli/status-file.ts'
import { readStatus } from '#agent/cli/status-file.ts'
import { openIdentityStore } from '#agent/enroll/identity-store.ts'
import type { FailpointName } from '#shared/flow/failpoint.ts'
import { shiftedClock } from '#test/agent/link/clocks.ts'
import { type Fleet, joinToken, startFleet } from '#test/agent/link/fleet.ts'
import { repositoryRoot } from '#test/helpers/paths.ts'
import { type Program, startProgram } from '#test/helpers/processes.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'

const dayMs = 24 * 3600 * 1000

function agent(t: ExecutionContext, args: readonly string[], failpoints = ''): Promise<Program> {
  return startProgram(t, process.execPath, ['agent/main.ts', ...args], {
    cwd: repositoryRoot,
    env: { ...process.env, MOORLINE_JOIN_TOKEN: joinToken, MOORLINE_FAILPOINTS: failpoints },
  })
}

function enrollArgs(fleet: Fleet, stateDir: string): string[] {
  const pins = fleet.pki.pins.flatMap((pin) => ['--pin', pin])
  return ['enroll', '--hub', `127.0.0.1:${fleet.port}`, '--state-dir', stateDir, ...pins]
}

async function runUntilUp(t: ExecutionContext, stateDir: string, isGood: (status: AgentStatus) => boolean): Promise<AgentStatus> {
  const program = await agent(t, ['run', '--state-dir', stateDir])
  const status = await until(
    'the agent to be up',
    () => {
      if (!program.isRunning()) throw new Error(`the agent ended: ${program.stderr()}`)
      const found = readStatus(stateDir)
      return found?.pid === program.pid && found.phase === 'up' && isGood(found) ? found : undefined
    },
    { timeoutMs: 40_000 },
  )
  t.is((await program.stop()).code, 0)
  return status
}

const enrollPoints: FailpointName[] = ['agent.enroll.key-written', 'agent.enroll.answered']
for (const point of enrollPoints) {
  test.serial(`F-23: an enrolment killed at ${point} is taken up with the same key`, async (t) => {
    const fleet = await startFleet(t)
    const stateDir = await tempDir(t)
    const killed = await agent(t, enrollArgs(fleet, stateDir), point)
    t.is((await killed.exited).signal, 'SIGKILL', killed.stderr())
    t.is(openIdentityStore(stateDir).current(), undefined)
    const again = await agent(t, enrollArgs(fleet, stateDir))
    t.is((await again.exited).code, 0, again.stderr())
    t.is(fleet.asked(), 1, 'one key has asked, so the hub has one machine')
    t.false(existsSync(join(stateDir, 'pending-join-token')))
    await runUntilUp(t, stateDir, () => true)
  })
}

const renewPoints: FailpointName[] = ['agent.renew.key-written', 'agent.renew.answered', 'agent.renew.staged', 'agent.renew.activated']
for (const point of renewPoints) {
  test.serial(`F-23: a renewal killed at ${point} leaves an identity that works, and is made up for`, async (t) => {
    // Issued five days ago for seven: due at once, valid still.
    const fleet = await startFleet(t, { pkiClock: shiftedClock(-5 * dayMs) })
    const stateDir = await tempDir(t)
    const { identity } = await fleet.enrolled(stateDir)
    const args = ['--hub', `127.0.0.1:${fleet.port}`, '--state-dir', stateDir]
    const killed = await agent(t, ['run', ...args], point)
    t.is((await killed.exited).signal, 'SIGKILL', killed.stderr())
    const member = fleet.members.get(identity.agentId)
    t.true((member?.serials.length ?? 0) >= 1)
    const program = await agent(t, ['run', ...args])
    const status = await until(
      'a renewed identity in use',
      () => {
        if (!program.isRunning()) throw new Error(`the agent ended: ${program.stderr()}`)
        const found = readStatus(stateDir)
        const isNew = found?.identity !== undefined && found.identity.serial !== identity.serial
        return found?.pid === program.pid && found.phase === 'up' && isNew ? found : undefined
      },
      { timeoutMs: 40_000 },
    )
    await until('the hub to end the old certificate', () => member?.serials.length === 1)
    // What came before is removed when its successor has worked.
    const generations = () => readdirSync(join(stateDir, 'identity')).filter((name) => name.startsWith('identity-'))
    await until('one generation to be left', () => generations().length === 1)
    t.is((await program.stop()).code, 0)
    t.is(member?.serials[0], openIdentityStore(stateDir).current()?.serial)
    t.is(status.identity?.agentId, identity.agentId)
  })
}
