import test from 'ava'
import { withRequester } from '#hub/controllers/install-agent/requester.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Task } from '#shared/contract/task.ts'
import { base, manifest, startApi } from '#test/hub/api/fixture.ts'

test('who writes spec.ssh, makes the Task or raises its attempt is noted in the status, and cannot be another one by what is sent', async (t) => {
  const api = await startApi(t, { admit: async (object, old, by) => withRequester(object, old, by.name) })
  const [first, second] = [await api.tokenFor('operator'), await api.tokenFor('operator')]
  const send = async (token: string, method: string, path: string, body: object, type = 'application/json') => {
    const answer = await api.ask(`${base}/${path}`, { method, token, body, headers: { 'content-type': type } })
    t.true(answer.status < 300, answer.text)
  }
  const machine = () => api.resources.get<Machine>('Machine', 'm')?.status?.ssh?.requestedBy
  const task = () => api.resources.get<Task>('Task', 'again')?.status?.requestedBy
  const merge = 'application/merge-patch+json'
  await send(first, 'POST', 'credentials', manifest('Credential', 'c', { type: 'Password', data: { password: 'canary' } }))
  const ssh = { host: '192.0.2.1', credentialRef: 'c' }
  await send(first, 'POST', 'machines', { ...manifest('Machine', 'm', { ssh }), status: { ssh: { requestedBy: 'root' } } })
  t.is(machine(), 'user1')
  await send(second, 'PATCH', 'machines/m', { spec: { displayName: 'x' }, status: { ssh: { requestedBy: 'user2' } } }, merge)
  t.is(machine(), 'user1')
  await send(second, 'PATCH', 'machines/m', { spec: { ssh: { port: 2222 } } }, merge)
  t.is(machine(), 'user2')

  await send(first, 'POST', 'tasks', manifest('Task', 'again', { machine: 'm', action: 'install-agent' }))
  t.is(task(), 'user1')
  await api.resources.modify<Task>('Task', 'again', (old) => ({ ...old, status: { ...old.status, state: 'Failed' } }), {
    subresource: 'status',
  })
  await send(second, 'PATCH', 'tasks/again', { spec: { timeoutSeconds: 60 } }, merge)
  t.is(task(), 'user1')
  await send(second, 'PATCH', 'tasks/again', { spec: { attempt: 2 } }, merge)
  t.is(task(), 'user2')
})

test('what asks for no installation is left as it is', (t) => {
  const plain = manifest('Machine', 'm', {}) as Machine
  t.is(withRequester(plain, undefined, 'alice'), plain)
  const facts = manifest('Task', 'f', { machine: 'm', action: 'facts', attempt: 1 }) as Task
  t.is(withRequester(facts, undefined, 'alice'), facts)
})
