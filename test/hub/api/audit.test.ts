import test from 'ava'
import { base, manifest, startApi } from './fixture.ts'

test('every write and every refusal is in the audit log before its answer, with who and what', async (t) => {
  const api = await startApi(t)
  const viewer = await api.tokenFor('viewer')
  await api.ask(`${base}/machines`, {
    method: 'POST',
    token: api.adminToken,
    body: { ...manifest('Machine', '', {}), metadata: { generateName: 'm-' } },
  })
  const [machine] = api.resources.list('Machine').items
  const name = machine?.metadata.name ?? ''
  await api.ask(`${base}/machines/${name}`, { method: 'DELETE', token: viewer })
  await api.ask(`${base}/machines`, { method: 'POST', token: api.adminToken, body: manifest('Machine', 'bad', { role: 'x' }) })
  await api.ask(`${base}/accesstokens`, { token: viewer })
  await api.ask(`${base}/machines`, { token: 'mla_wrong' })
  await api.ask(`${base}/machines/${name}?dryRun=All`, { method: 'DELETE', token: api.adminToken })
  const rows = await api.store.audit(0, 100)
  t.deepEqual(
    rows.map(({ user, verb, resource, decision, result }) => [user, verb, resource, decision, result]),
    [
      ['root', 'create', 'Machine', 'allow', '201'],
      ['user1', 'delete', 'Machine', 'deny', '403'],
      ['root', 'create', 'Machine', 'allow', '422'],
      ['user1', 'list', 'AccessToken', 'deny', '403'],
      ['system:anonymous', 'list', 'Machine', 'deny', '401'],
      ['root', 'delete', 'Machine', 'allow', '200'],
    ],
  )
  t.is(rows[0]?.name, name)
  t.is(rows[0]?.remoteAddress, '127.0.0.1')
  t.is(rows[5]?.detail, 'dry run')
  t.like(await api.store.verifyAudit(), { ok: true, rows: 6 })
  t.notRegex(JSON.stringify(rows), /mla_/)
})

test('reading, and asking what one may do, is not audited', async (t) => {
  const api = await startApi(t)
  await api.ask(`${base}/machines`, { token: api.adminToken })
  await api.ask('/apis/authentication.k8s.io/v1/selfsubjectreviews', { method: 'POST', token: api.adminToken, body: {} })
  await api.ask(`${base}/machines`)
  t.is((await api.store.audit(0, 100)).length, 0)
})

test('a flood of wrong tokens does not fill the audit log', async (t) => {
  const api = await startApi(t)
  for (let round = 0; round < 5; round++)
    await Promise.all(Array.from({ length: 40 }, () => api.ask(`${base}/machines`, { token: 'mla_wrong' })))
  const rows = await api.store.audit(0, 1000)
  t.true(rows.length > 0 && rows.length < 150, String(rows.length))
})

test('the audit log can be followed and resumed by id, by admins only', async (t) => {
  const api = await startApi(t)
  for (const name of ['m1', 'm2'])
    await api.ask(`${base}/machines`, { method: 'POST', token: api.adminToken, body: manifest('Machine', name, {}) })
  const all = await api.ask(`${base}/auditevents`, { token: api.adminToken })
  const rows = all.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: number; name: string })
  t.deepEqual(
    rows.map((row) => row.name),
    ['m1', 'm2'],
  )
  const rest = await api.ask(`${base}/auditevents?after=${rows[0]?.id}`, { token: api.adminToken })
  t.is(rest.text.trim().split('\n').length, 1)
  t.is((await api.ask(`${base}/auditevents`, { token: await api.tokenFor('operator') })).status, 403)
})
