// The host command of a registration on a control plane host: it may write a policy file, and never changes one.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { hostCommand } from '#hub/api/registration/command.ts'
import { joinToken } from '#test/agent/link/fleet.ts'
import { agentWrapper, createMachine, startInstallHub } from '../install/hub.ts'

async function createHost(t: ExecutionContext) {
  const { facts } = await startInstallHub(t, agentWrapper)
  const machine = await createMachine(t)
  const policy = join(machine.root, 'etc/moorline/agent-policy.json')
  for (const folder of ['etc/kubernetes', 'etc/moorline']) await mkdir(join(machine.root, folder), { recursive: true })
  await writeFile(join(machine.root, 'etc/kubernetes/admin.conf'), '{}', { mode: 0o600 })
  return { machine, policy, run: () => machine.sh(hostCommand(facts, joinToken)) }
}
const part = { kubernetes: { source: 'kubeconfig', path: '/etc/kubernetes/admin.conf' } }

test.serial('without a policy file it writes one that leads to the cluster, which it says', async (t) => {
  const { policy, run } = await createHost(t)
  const { code, stdout, stderr } = await run()
  t.is(code, 0, stderr)
  t.deepEqual(JSON.parse(readFileSync(policy, 'utf8')), part)
  t.is(statSync(policy).mode & 0o777, 0o644)
  t.regex(stdout, /wrote \S*agent-policy\.json: the hub may use the cluster of \/etc\/kubernetes\/admin\.conf/)
  const again = await run()
  t.is(again.code, 0, again.stderr)
  t.notRegex(again.stdout, /wrote \S*agent-policy/)
})

test.serial('a policy file that is there stays as it is, and what to add to it is said', async (t) => {
  const { policy, run } = await createHost(t)
  const own = '{\n  "allowedActions": ["facts"]\n}\n'
  await writeFile(policy, own, { mode: 0o640 })
  const { code, stdout, stderr } = await run()
  t.is(code, 0, stderr)
  t.is(readFileSync(policy, 'utf8'), own)
  t.is(statSync(policy).mode & 0o777, 0o640)
  const [, line = ''] = /was left as it is[^\n]*\n\s*("kubernetes".*)\n/.exec(stdout) ?? []
  t.deepEqual(JSON.parse(`{${line}}`), part, 'what is said is JSON that can be pasted')

  const whole = JSON.stringify({ allowedActions: ['facts'], ...part })
  await writeFile(policy, whole)
  t.notRegex((await run()).stdout, /left as it is|"kubernetes"/)
  t.is(readFileSync(policy, 'utf8'), whole)
})

test.serial('on a host without that kubeconfig it stops before it does anything', async (t) => {
  const { facts } = await startInstallHub(t, agentWrapper)
  const machine = await createMachine(t)
  const { code, stderr } = await machine.sh(hostCommand(facts, joinToken))
  t.not(code, 0)
  t.regex(stderr, /\/etc\/kubernetes\/admin\.conf is not there; run this on a control plane host/)
  t.false(existsSync(join(machine.root, 'usr')))
})
