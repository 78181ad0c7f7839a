import test from 'ava'
import { createCredentials } from '#hub/credentials/open.ts'
import type { Credential } from '#shared/contract/credential.ts'
import { sealedOf } from '#hub/resources/sealed.ts'
import { testVault } from '#test/hub/credentials/support.ts'
import { cluster, machine, refusal, testResources } from './support.ts'

const password = (name: string, data: object = { password: 'canary-secret' }, spec: object = {}) => ({
  metadata: { name },
  spec: { type: 'Password', data, ...spec },
})

test('what is stored has marks in its spec and ciphertexts beside it, and open() gives the data back', async (t) => {
  const { resources, store, vault, setNow } = await testResources(t)
  const made = await resources.create<Credential>('Credential', password('p', { username: 'ann', password: 'canary-secret' }))
  t.deepEqual(made.spec.data, { username: '(sealed)', password: '(sealed)' })
  t.is(made.status?.updatedAt, '2030-01-02T03:04:05.678Z')
  t.regex(made.status?.fingerprint ?? '', /^[0-9a-f]{32}$/)
  t.false(store.json(store.get('Credential', 'p') as never).includes('canary'))
  const opened = createCredentials({ resources, vault }).open('p', { types: ['Password'] })
  t.deepEqual(opened, { type: 'Password', data: { username: 'ann', password: 'canary-secret' }, fingerprint: made.status?.fingerprint })
  setNow('2030-01-03T00:00:00.000Z')
  const next = await resources.update<Credential>('Credential', 'p', password('p', { username: '(sealed)', password: 'another-secret' }))
  t.is(next.metadata.generation, 2)
  t.not(next.status?.fingerprint, made.status?.fingerprint)
  t.is(next.status?.updatedAt, '2030-01-03T00:00:00.000Z')
  t.deepEqual(createCredentials({ resources, vault }).open('p', { types: ['Password'] }).data, {
    username: 'ann',
    password: 'another-secret',
  })
  t.is(sealedOf(next).username, sealedOf(made).username, 'what a mark keeps is not sealed anew')
})

test('writing the same secret again, or its mark, changes nothing', async (t) => {
  const { resources } = await testResources(t)
  const made = await resources.create('Credential', password('p'))
  for (const value of ['canary-secret', '(sealed)'])
    t.is(
      (await resources.update('Credential', 'p', password('p', { password: value }))).metadata.resourceVersion,
      made.metadata.resourceVersion,
    )
})

test('a field that is left out is gone, and a mark without anything behind it is refused', async (t) => {
  const { resources } = await testResources(t)
  await resources.create('Credential', password('p', { username: 'ann', password: 'canary-secret' }))
  const next = await resources.update<Credential>('Credential', 'p', password('p', { password: '(sealed)' }))
  t.deepEqual(next.spec.data, { password: '(sealed)' })
  t.deepEqual(
    (await refusal(t, resources.update('Credential', 'p', password('p', { username: '(sealed)', password: '(sealed)' })))).causes,
    ['spec.data.username FieldValueInvalid'],
  )
  t.deepEqual((await refusal(t, resources.create('Credential', password('q', { password: '(sealed)' })))).causes, [
    'spec.data.password FieldValueInvalid',
  ])
})

test('a dry run answers with marks and stores nothing', async (t) => {
  const { resources } = await testResources(t)
  const made = await resources.create<Credential>('Credential', password('p'), { dryRun: true })
  t.deepEqual(made.spec.data, { password: '(sealed)' })
  t.is(resources.get('Credential', 'p'), undefined)
  const first = await resources.create<Credential>('Credential', password('p'))
  const next = await resources.update<Credential>('Credential', 'p', password('p', { password: 'other-secret' }), { dryRun: true })
  t.deepEqual(next.spec.data, { password: '(sealed)' })
  t.is(resources.get<Credential>('Credential', 'p')?.status?.fingerprint, first.status?.fingerprint)
})

test('what a client writes as ciphertext is not taken', async (t) => {
  const { resources } = await testResources(t)
  await resources.create('Credential', password('p'))
  const forged = { ...password('q', { password: '(sealed)' }), sealed: sealedOf(resources.get('Credential', 'p')) }
  t.is((await refusal(t, resources.create('Credential', forged))).code, 'BadRequest')
  const { causes } = await refusal(t, resources.create('Credential', forged, { fieldValidation: 'Ignore' }))
  t.deepEqual(causes, ['spec.data.password FieldValueInvalid'])
})

test('the annotation of kubectl apply is stored with marks, and what is not readable there is dropped', async (t) => {
  const { resources, store } = await testResources(t)
  const key = 'kubectl.kubernetes.io/last-applied-configuration'
  const written = password('p', { password: 'canary-secret' }, { description: 'for the proxy' })
  const applied = JSON.stringify({ ...written, kind: 'Credential', spec: { ...written.spec, extra: 'canary-secret' } })
  await resources.create('Credential', { ...written, metadata: { name: 'p', annotations: { [key]: applied, note: 'kept' } } })
  const stored = store.json(store.get('Credential', 'p') as never)
  t.false(stored.includes('canary'), stored)
  const annotations = resources.get('Credential', 'p')?.metadata.annotations
  t.deepEqual(JSON.parse(annotations?.[key] ?? ''), {
    kind: 'Credential',
    metadata: { name: 'p' },
    spec: { type: 'Password', description: 'for the proxy', data: { password: '(sealed)' } },
  })
  t.is(annotations?.note, 'kept')
  await resources.update('Credential', 'p', { ...written, metadata: { name: 'p', annotations: { [key]: 'password: canary-secret' } } })
  t.is(resources.get('Credential', 'p')?.metadata.annotations, undefined)
})

test('a secret that is written a second time in clear is refused', async (t) => {
  const { resources } = await testResources(t)
  const { causes, message } = await refusal(
    t,
    resources.create('Credential', {
      ...password('p', { password: 'canary-"secret"' }, { description: 'it is canary-"secret"' }),
      metadata: { name: 'p', annotations: { note: '{"password":"canary-\\"secret\\""}' } },
    }),
  )
  t.deepEqual(causes, ['metadata.annotations FieldValueForbidden', 'spec.description FieldValueForbidden'])
  t.false(message.includes('canary'))
})

test('no refusal quotes what was written into data', async (t) => {
  const { resources } = await testResources(t)
  for (const data of [{ password: ['canary-secret'] }, { password: 'canary-secret\n' }, 'canary-secret', { password: 4_242_424_242 }]) {
    const { message } = await refusal(t, resources.create('Credential', password('p', data as object)))
    t.notRegex(message, /canary|4242424242/)
  }
})

// Type, data, cause.
const bad: [string, object, string][] = [
  ['Password', { username: 'ann' }, 'spec.data.password FieldValueRequired'],
  ['Password', { password: 'a', token: 'b' }, 'spec.data.token FieldValueForbidden'],
  ['Password', { password: 'a\n' }, 'spec.data.password FieldValueInvalid'],
  ['Token', { token: 'a b' }, 'spec.data.token FieldValueInvalid'],
  ['Token', { token: 'a\r\nHost: b' }, 'spec.data.token FieldValueInvalid'],
  ['SSHKey', { privateKey: 'not a key' }, 'spec.data.privateKey FieldValueInvalid'],
  ['Kubeconfig', { kubeconfig: 'not: one' }, 'spec.data.kubeconfig FieldValueInvalid'],
  ['Vault', { token: 'a' }, 'spec.type FieldValueNotSupported'],
]
for (const [type, data, cause] of bad)
  test(`refused: ${type} ${JSON.stringify(data)}`, async (t) => {
    const { resources } = await testResources(t)
    t.deepEqual((await refusal(t, resources.create('Credential', { metadata: { name: 'x' }, spec: { type, data } }))).causes, [cause])
  })

test('the type is immutable', async (t) => {
  const { resources } = await testResources(t)
  await resources.create('Credential', password('p'))
  const { causes } = await refusal(
    t,
    resources.update('Credential', 'p', { metadata: { name: 'p' }, spec: { type: 'Token', data: { token: 'x' } } }),
  )
  t.deepEqual(causes, ['spec.type FieldValueInvalid'])
})

test('a Credential in use is not deleted, and the refusal says by whom', async (t) => {
  const { resources } = await testResources(t)
  await resources.create('Credential', password('p'))
  await resources.create('Machine', machine('m', { ssh: { host: 'h', credentialRef: 'p' } }))
  t.regex((await refusal(t, resources.delete('Credential', 'p'))).message, /machine m uses it/)
  await resources.update('Machine', 'm', machine('m', {}))
  await resources.delete('Credential', 'p')
  t.is(resources.get('Credential', 'p'), undefined)
})

test('the proxies of a Machine are checked alike, and a Credential of either is in use', async (t) => {
  const { resources } = await testResources(t)
  for (const name of ['p', 'q']) await resources.create('Credential', password(name))
  await resources.create('Credential', { metadata: { name: 'token' }, spec: { type: 'Token', data: { token: 'canary' } } })
  for (const field of ['proxy', 'agentProxy']) {
    const ssh = (proxy: object) => machine('m', { ssh: { host: 'h', credentialRef: 'p', [field]: proxy } })
    const url = 'socks5://192.0.2.1:1080'
    const causesOf = async (proxy: object) => (await refusal(t, resources.create('Machine', ssh(proxy)))).causes
    t.deepEqual(await causesOf({ url, credentialRef: 'none' }), [`spec.ssh.${field}.credentialRef FieldValueInvalid`])
    t.deepEqual(await causesOf({ url, credentialRef: 'token' }), [`spec.ssh.${field}.credentialRef FieldValueInvalid`])
    t.deepEqual(await causesOf({ url: 'http://192.0.2.1' }), [`spec.ssh.${field}.url FieldValueInvalid`])
    t.deepEqual(await causesOf({ url: 'socks5://user:canary@192.0.2.1:1080' }), [`spec.ssh.${field}.url FieldValueInvalid`])
    await resources.create('Machine', ssh({ url, credentialRef: 'q' }))
    t.regex((await refusal(t, resources.delete('Credential', 'q'))).message, /machine m \((agent's )?proxy\) uses it/)
    await resources.delete('Machine', 'm')
  }
})

test('with another key a Credential still has a status and labels, says that it is closed, and opens again once written anew', async (t) => {
  const one = await testResources(t)
  await one.resources.create('Credential', password('p', { username: 'ann', password: 'canary-secret' }))
  const other = testVault()
  const resources = one.over(other)
  const credentials = createCredentials({ resources, vault: other })
  t.throws(() => credentials.open('p', { types: ['Password'] }), { code: 'ServiceUnavailable', message: /sealed with another key/ })
  const seen = await resources.modify<Credential>(
    'Credential',
    'p',
    (object) => ({ ...object, status: { ...object.status, conditions: [] } }),
    {
      subresource: 'status',
    },
  )
  t.deepEqual(seen?.spec.data, { username: '(sealed)', password: '(sealed)' })
  const half = password('p', { username: '(sealed)', password: 'new-secret' })
  t.deepEqual((await refusal(t, resources.update('Credential', 'p', half))).causes, ['spec.data.username FieldValueInvalid'])
  await resources.update('Credential', 'p', password('p', { username: 'ann', password: 'new-secret' }))
  t.is(credentials.open('p', { types: ['Password'] }).data.password, 'new-secret')
})

test('open() refuses a Credential of another type, one that is bound to another cluster, and one that is not there', async (t) => {
  const { resources, vault } = await testResources(t)
  await resources.create('Cluster', cluster('one'))
  await resources.create('Credential', password('p', { password: 'canary-secret' }, { clusterRef: 'one' }))
  const credentials = createCredentials({ resources, vault })
  t.is(credentials.open('p', { types: ['Password'], cluster: 'one' }).data.password, 'canary-secret')
  for (const use of [
    { types: ['Token'] as const, cluster: 'one' },
    { types: ['Password'] as const },
    { types: ['Password'] as const, cluster: 'two' },
  ])
    t.throws(() => credentials.open('p', use), { code: 'ServiceUnavailable' })
  t.throws(() => credentials.open('q', { types: ['Password'] }), { code: 'ServiceUnavailable', message: /q does not exist/ })
})
