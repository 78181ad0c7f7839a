import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import type { Machine } from '#shared/contract/machine.ts'
import { kubectl } from '#test/helpers/kubectl.ts'
import { kubectlPath } from '#test/helpers/kubectl.ts'
import { startProgram } from '#test/helpers/processes.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { until } from '#test/helpers/until.ts'
import { base, manifest, startApi } from './fixture.ts'

const machine = (role: string, extra = '') => `
apiVersion: moorline.dev/v1alpha1
kind: Machine
metadata: {name: m1}
spec: {role: ${role}${extra}}
`

test('kubectl apply creates, changes and recognises that nothing changed', async (t) => {
  const api = await startApi(t)
  const apply = (text: string, ...flags: string[]) => api.kubectlInput(text, 'apply', '-f', '-', ...flags)
  t.is((await apply(machine('worker'))).stdout, 'machine.moorline.dev/m1 created\n')
  t.is((await apply(machine('worker'))).stdout, 'machine.moorline.dev/m1 unchanged\n')
  t.is((await apply(machine('controlPlane'), '--dry-run=server')).stdout, 'machine.moorline.dev/m1 configured (server dry run)\n')
  t.is(api.resources.get<Machine>('Machine', 'm1')?.spec.role, 'worker')
  t.is((await apply(machine('controlPlane'))).stdout, 'machine.moorline.dev/m1 configured\n')
  t.is(api.resources.get<Machine>('Machine', 'm1')?.spec.role, 'controlPlane')
  t.is(api.resources.get('Machine', 'm1')?.metadata.generation, 2)
  const diff = await api.kubectlInput(machine('worker'), 'diff', '-f', '-')
  t.is(diff.code, 1)
  t.regex(diff.stdout, /^\+ {2}role: worker$/m)
})

test('kubectl is told which field is unknown or wrong, by its path', async (t) => {
  const api = await startApi(t)
  const unknown = await api.kubectlInput(machine('worker', ', rolle: x'), 'apply', '-f', '-')
  t.is(unknown.code, 1)
  t.regex(unknown.stderr, /unknown field "spec\.rolle"/)
  const warned = await api.kubectlInput(machine('worker', ', rolle: x'), 'apply', '--validate=warn', '-f', '-')
  t.is(warned.code, 0)
  t.regex(warned.stderr, /Warning: unknown field "spec\.rolle"/)
  const wrong = await api.kubectlInput(machine('boss'), 'apply', '-f', '-')
  t.regex(wrong.stderr, /The Machine "m1" is invalid: spec\.role: Unsupported value: "boss"/)
})

test('kubectl create, patch, edit, label, annotate, replace and delete change what they say', async (t) => {
  const api = await startApi(t)
  const directory = await tempDir(t)
  const role = () => api.resources.get<Machine>('Machine', 'm1')?.spec.role
  t.is((await api.kubectlInput(machine('worker'), 'create', '-f', '-')).stdout, 'machine.moorline.dev/m1 created\n')
  t.regex((await api.kubectlInput(machine('worker'), 'create', '-f', '-')).stderr, /AlreadyExists/)

  t.is(
    (await api.kubectl('patch', 'machine', 'm1', '--type=json', '-p', '[{"op":"replace","path":"/spec/role","value":"controlPlane"}]'))
      .code,
    0,
  )
  t.is(role(), 'controlPlane')
  t.is((await api.kubectl('patch', 'machine', 'm1', '--type=merge', '-p', '{"spec":{"role":"worker"}}')).code, 0)
  t.is(role(), 'worker')
  t.regex(
    (await api.kubectl('patch', 'machine', 'm1', '-p', '{"spec":{"role":"worker"}}')).stderr,
    /strategic-merge-patch\+json is not supported/,
  )

  t.is((await api.kubectl('label', 'machine', 'm1', 'rack=a')).code, 0)
  t.is((await api.kubectl('annotate', 'machine', 'm1', 'note=hello')).code, 0)
  t.like(api.resources.get('Machine', 'm1')?.metadata, { labels: { rack: 'a' }, annotations: { note: 'hello' } })
  t.is((await api.kubectl('label', 'machine', 'm1', 'rack-')).code, 0)
  t.is(api.resources.get('Machine', 'm1')?.metadata.labels, undefined)

  const editor = join(directory, 'editor.sh')
  await writeFile(editor, '#!/bin/sh\nexec sed -i s/worker/controlPlane/ "$1"\n')
  await chmod(editor, 0o755)
  const path = await api.kubeconfig()
  const edit = await startProgram(t, await kubectlPath(), ['--kubeconfig', path, '--cache-dir', `${path}.cache`, 'edit', 'machine', 'm1'], {
    env: { ...process.env, KUBE_EDITOR: editor },
  })
  t.is((await edit.exited).code, 0, edit.stderr())
  t.is(role(), 'controlPlane')

  const stale = api.resources.get('Machine', 'm1')
  await api.kubectl('label', 'machine', 'm1', 'rack=c')
  const replaced = await api.kubectlInput(JSON.stringify(stale), 'replace', '-f', '-')
  t.regex(replaced.stderr, /\(Conflict\).*has been modified/)

  t.is((await api.kubectl('delete', 'machine', 'm1', '--dry-run=server')).code, 0)
  t.truthy(api.resources.get('Machine', 'm1'))
  t.is((await api.kubectl('delete', 'machine', 'm1')).stdout, 'machine.moorline.dev "m1" deleted\n')
  t.is(api.resources.get('Machine', 'm1'), undefined)
})

test('kubectl delete waits for finalizers and says when it is done', async (t) => {
  const api = await startApi(t)
  await api.resources.create('Machine', manifest('Machine', 'held', {}, { finalizers: ['example.org/hold'] }))
  const deleting = api.kubectl('delete', 'machine', 'held')
  await until('the deletion to begin', () => api.resources.get('Machine', 'held')?.metadata.deletionTimestamp)
  await api.resources.modify('Machine', 'held', (object) => ({ ...object, metadata: { ...object.metadata, finalizers: [] } }))
  t.is((await deleting).code, 0)
  t.is(api.resources.get('Machine', 'held'), undefined)
})

test('kubectl delete --all and by selector delete what they match and nothing else', async (t) => {
  const api = await startApi(t)
  for (const name of ['a1', 'a2', 'b1'])
    await api.resources.create('Machine', manifest('Machine', name, {}, { labels: { set: name.slice(0, 1) } }))
  t.is((await api.kubectl('delete', 'machines', '-l', 'set=a')).code, 0)
  t.deepEqual(
    api.resources.list('Machine').items.map((item) => item.metadata.name),
    ['b1'],
  )
  const raw = await api.ask(`${base}/machines?labelSelector=set%3Db`, { method: 'DELETE', token: api.adminToken })
  t.is(raw.json().items.length, 1)
  t.is(api.resources.list('Machine').items.length, 0)
})

test('kubectl wait sees a condition and a field as they change', async (t) => {
  const api = await startApi(t)
  await api.resources.create('Machine', manifest('Machine', 'm1', { role: 'worker' }))
  const condition = api.kubectl('wait', '--for=condition=Connected', 'machine/m1', '--timeout=30s')
  const field = api.kubectl('wait', '--for=jsonpath={.spec.role}=controlPlane', 'machine/m1', '--timeout=30s')
  await api.resources.modify<Machine>(
    'Machine',
    'm1',
    (object) => ({
      ...object,
      status: {
        ...object.status,
        conditions: [{ type: 'Connected', status: 'True', reason: 'Heartbeat', message: '', lastTransitionTime: new Date().toISOString() }],
      },
    }),
    { subresource: 'status' },
  )
  await api.resources.modify<Machine>('Machine', 'm1', (object) => ({ ...object, spec: { ...object.spec, role: 'controlPlane' } }))
  t.is((await condition).stdout, 'machine.moorline.dev/m1 condition met\n')
  t.is((await field).stdout, 'machine.moorline.dev/m1 condition met\n')
})

test('kubectl get --watch prints each change as a row', async (t) => {
  const api = await startApi(t)
  await api.resources.create('Machine', manifest('Machine', 'm1', { role: 'worker' }))
  const path = await api.kubeconfig()
  const watch = await startProgram(t, await kubectlPath(), [
    '--kubeconfig',
    path,
    '--cache-dir',
    `${path}.cache`,
    'get',
    'machines',
    '-w',
    '--output-watch-events',
  ])
  await watch.line('the first row', (line) => (/^ADDED\s+m1\s/.test(line) ? line : undefined))
  await api.resources.create('Machine', manifest('Machine', 'm2', { role: 'worker' }))
  await watch.line('the added row', (line) => (/^ADDED\s+m2\s/.test(line) ? line : undefined))
  await api.resources.delete('Machine', 'm1')
  await watch.line('the deleted row', (line) => (/^DELETED\s+m1\s/.test(line) ? line : undefined))
  t.is(watch.stdout().match(/^EVENT\s+NAME\s/gm)?.length, 1)
  await watch.stop()
})

test('a create answers with the secret once, and no reader sees secret or hash', async (t) => {
  const api = await startApi(t)
  const made = await api.kubectlInput(JSON.stringify(manifest('JoinToken', 'j1', { uses: 2 })), 'create', '-o', 'json', '-f', '-')
  const { status } = JSON.parse(made.stdout) as { status: { token: string; tokenHash?: string; installCommand: string } }
  t.regex(status.token, /^mlj_/)
  t.true(status.installCommand.includes(status.token))
  t.is(status.tokenHash, undefined)
  const read = await api.kubectl('get', 'jointokens,accesstokens', '-o', 'json')
  t.notRegex(read.stdout, /tokenHash|"token"|mlj_|mla_/)
})

test('server-side apply is refused in words that name the way that works', async (t) => {
  const api = await startApi(t)
  const refused = await api.kubectlInput(machine('worker'), 'apply', '--server-side', '-f', '-')
  t.is(refused.code, 1)
  t.regex(refused.stderr, /kubectl apply` without --server-side/)
})

test('an operator cannot write a status, an admin can', async (t) => {
  const api = await startApi(t)
  await api.resources.create('Machine', manifest('Machine', 'm1', { role: 'worker' }))
  const operator = await api.kubeconfig(await api.tokenFor('operator'))
  const patch = ['patch', 'machine', 'm1', '--subresource=status', '--type=merge', '-p', '{"status":{"phase":"Connected"}}']
  t.regex((await kubectl(operator, patch)).stderr, /Forbidden/)
  t.is((await api.kubectl(...patch)).code, 0)
  t.is(api.resources.get<Machine>('Machine', 'm1')?.status?.phase, 'Connected')
})
