// Installations over SSH that are cut in the middle: nothing of them stays on the machine, and none is called a success that is not one.
import test from 'ava'
import type { JoinToken } from '#shared/contract/join-token.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import { createOwner } from '#test/faults/owner.ts'
import { repositoryRoot } from '#test/helpers/paths.ts'
import { type SshMachine, type SshMachineOptions, startSshMachine } from '#test/helpers/ssh/machine.ts'
import { differences } from '#test/helpers/ssh/tree.ts'
import { until } from '#test/helpers/until.ts'
import { type SshSite, startSshSite } from './over-ssh-site.ts'

const owner = createOwner()
let site: SshSite

test.before(async () => {
  site = await startSshSite(owner)
})
test.after.always(() => owner.close())

async function begin(t: Parameters<typeof startSshMachine>[0], name: string, options: SshMachineOptions = {}) {
  const machine = await startSshMachine(t, options)
  const before = machine.tree()
  const credentialRef = await site.credential('Password', { password: machine.password })
  const add = () => site.add(name, machine, { credentialRef, user: 'asks' })
  return { machine, before, add }
}
const tokens = async () => (await site.client().ask('GET', `/apis/${apiVersion}/jointokens`)).json<{ items: JoinToken[] }>().items
const isInTheMiddle = (machine: SshMachine) => () =>
  machine.sh('grep -qx "enable moorline-agent.service" /run/test/systemctl.calls 2>/dev/null && echo yes || true').trim() === 'yes'
const isClean = (before: ReadonlyMap<string, string>, machine: SshMachine) =>
  until('the machine to be as before', () => differences(before, machine.tree()).length === 0, { timeoutMs: 60_000 }).catch(() =>
    differences(before, machine.tree()),
  )

test.serial('a service that does not start: everything is undone, the identity ends, and the next attempt succeeds', async (t) => {
  const { machine, before, add } = await begin(t, 'no-start')
  // What a machine prints may be what it was given.
  machine.sh(`echo 'It was given ${machine.password}' >/run/test/systemctl.fails`)
  await add()
  const failed = await site.ended('no-start')
  t.like(failed.status, { state: 'Failed', reason: 'InstallFailed' }, await site.log(failed.metadata.name))
  t.regex(failed.status?.message ?? '', /Job for moorline-agent\.service failed\. It was given \*{3}/)
  t.false(JSON.stringify(failed).includes(machine.password))
  t.deepEqual(differences(before, machine.tree()), [])
  const { status } = await site.get<Machine>('machines', 'no-start')
  t.is(status?.certificate, undefined)
  t.is(status?.agentId, undefined)
  t.deepEqual(await tokens(), [])
  machine.sh('rm /run/test/systemctl.fails')
  await site.patch('tasks', failed.metadata.name, { spec: { attempt: 2 } })
  const again = await site.ended('no-start', 2)
  t.is(again.status?.state, 'Succeeded', again.status?.message)
  await site.connected('no-start')
  await machine.stop()
})

test.serial(
  'temporary folders without exec do not matter; without space, and a full place of the agent, do and nothing is left',
  async (t) => {
    // The agent of these tests runs out of this repository, which may itself be in one of the two.
    const kept = [`mkdir -p /run/test/repository`, `mount --bind '${repositoryRoot}' /run/test/repository`]
    const back = [`mkdir -p '${repositoryRoot}'`, `mount --bind /run/test/repository '${repositoryRoot}'`]
    const mounts = (options: string) =>
      [...kept, ...['/var/tmp', '/tmp'].map((place) => `mount -t tmpfs -o ${options} tmpfs ${place}`), ...back].join('; ')
    const noexec = await begin(t, 'noexec', { prepare: mounts('noexec,mode=1777') })
    await noexec.add()
    const task = await site.ended('noexec')
    t.is(task.status?.state, 'Succeeded', task.status?.message)
    await noexec.machine.stop()
    for (const [name, prepare] of [
      ['small', mounts('size=2m,mode=1777')],
      ['full', 'mount -t tmpfs -o nr_inodes=1 tmpfs /usr/local/bin'],
    ] as const) {
      const { machine, before, add } = await begin(t, name, { prepare })
      await add()
      const { status, metadata } = await site.ended(name)
      t.like(status, { state: 'Failed', reason: 'NoSpaceOnMachine' }, await site.log(metadata.name))
      t.deepEqual(differences(before, machine.tree()), [])
      t.is(machine.sh('ls -A /usr/local/bin /var/tmp /tmp | grep -E "moorline-(install|agent)" || true'), '')
      await machine.stop()
    }
  },
)

test.serial('canceled in the middle: it is undone first, then called Canceled', async (t) => {
  const { machine, before, add } = await begin(t, 'canceled', { prepare: ': >/run/test/systemctl.slow' })
  await add()
  await until('the middle', isInTheMiddle(machine), { timeoutMs: 120_000 })
  const { metadata } = await site.installing('canceled')
  await site.client().ask('POST', `/apis/${apiVersion}/tasks/${metadata.name}/cancel`)
  const { status } = await site.ended('canceled')
  t.like(status, { state: 'Canceled', reason: 'Canceled' }, await site.log(metadata.name))
  t.deepEqual(differences(before, machine.tree()), [])
  t.deepEqual(await tokens(), [])
  await machine.stop()
})

test.serial('the connection cut in the middle: the machine undoes by itself, the hub comes back to see to it', async (t) => {
  const { machine, before, add } = await begin(t, 'cut', { prepare: ': >/run/test/systemctl.slow' })
  await add()
  await until('the middle', isInTheMiddle(machine), { timeoutMs: 120_000 })
  machine.sh('for p in /proc/[0-9]*; do if grep -q "^sshd: asks" "$p/cmdline" 2>/dev/null; then kill -9 "${p#/proc/}"; fi; done')
  const { status, metadata } = await site.ended('cut')
  t.like(status, { state: 'Failed', reason: 'ConnectionLost' }, await site.log(metadata.name))
  t.true(await isClean(before, machine))
  t.regex(await site.log(metadata.name), /nothing was left behind/)
  await machine.stop()
})

test.serial('the hub killed in the middle: the machine undoes by itself, and the hub takes it up again after its start', async (t) => {
  const { machine, before, add } = await begin(t, 'killed', { prepare: ': >/run/test/systemctl.slow' })
  await add()
  await until('the middle', isInTheMiddle(machine), { timeoutMs: 120_000 })
  await site.hub.kill()
  await until('the machine to have undone it', () => !differences(before, machine.tree()).some((line) => line.includes('/usr/local/bin')), {
    timeoutMs: 60_000,
  })
  machine.sh('rm /run/test/systemctl.slow')
  await site.hub.start()
  const task = await site.ended('killed')
  const log = await site.log(task.metadata.name)
  t.is(task.status?.state, 'Succeeded', `${task.status?.message}\n${log}`)
  t.is(task.status?.attempt, 1)
  t.regex(log, /installing the agent[\s\S]*the hub was restarted in the middle[\s\S]*installing the agent/)
  await site.connected('killed')
  t.deepEqual(await tokens(), [])
  await machine.stop()
})
