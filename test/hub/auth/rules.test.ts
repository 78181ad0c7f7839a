import test from 'ava'
import { rolesThatMay } from '#hub/auth/rules.ts'
import { verbs } from '#hub/auth/types.ts'

test('what is as good as being an admin is for admins only', (t) => {
  for (const kind of ['AccessToken', 'AccessBinding', 'SomethingNew'])
    for (const verb of verbs) t.deepEqual(rolesThatMay(verb, kind), ['admin'], `${verb} ${kind}`)
  for (const kind of ['AccessToken', 'AccessBinding']) t.deepEqual(rolesThatMay('get', kind, 'status'), ['admin'])
  t.deepEqual(rolesThatMay('get', 'AuditEvent'), ['admin'])
  t.deepEqual(rolesThatMay('create', 'LoginLink'), ['admin'])
})

test('viewers read and never write', (t) => {
  for (const kind of ['Cluster', 'Machine', 'JoinToken', 'Task', 'Credential'])
    for (const verb of verbs) t.is(rolesThatMay(verb, kind).includes('viewer'), ['get', 'list', 'watch'].includes(verb), `${verb} ${kind}`)
  t.true(rolesThatMay('get', 'Task', 'log').includes('viewer'))
  t.false(rolesThatMay('create', 'Task', 'cancel').includes('viewer'))
})

test('a status is written by admins only, and an unknown subresource by nobody', (t) => {
  t.deepEqual(rolesThatMay('update', 'Machine', 'status'), ['admin'])
  t.deepEqual(rolesThatMay('create', 'Machine', 'attach'), [])
})

test('a terminal on a machine is for admins', (t) => {
  for (const verb of verbs) t.deepEqual(rolesThatMay(verb, 'Machine', 'exec'), verb === 'create' ? ['admin'] : [], verb)
})
