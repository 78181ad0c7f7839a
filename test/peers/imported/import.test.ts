import { createServer } from 'node:net'
import { once } from 'node:events'
import test from 'ava'
import type { Cluster } from '#shared/contract/cluster.ts'
import { startMicrosocks, startTinyproxy } from '#test/agent/link/proxies.ts'
import { testCa } from '#test/hub/dial/certificates.ts'
import { freePort } from '#test/helpers/ports.ts'
import { headersOf } from '#test/tunnel/kube-proxy/fake-kube.ts'
import { base64, causesOf, kubeconfigText, startImportSite } from './site.ts'

const apiPath = '/apis/moorline.dev/v1alpha1'

test('a cluster is imported by kubeconfig: probed as the credential itself, then kubectl goes through as the user', async (t) => {
  const site = await startImportSite(t)
  const kube = await site.kube({ uid: 'uid-one' })
  const kubeconfig = kubeconfigText({ server: kube.server, ca: site.kubeCa.cert, user: { token: kube.token } })
  t.is((await site.create('Credential', 'one', { type: 'Kubeconfig', data: { kubeconfig } })).status, 201)
  const dry = await site.create('Cluster', 'one', { type: 'Imported', credentialRef: 'one' }, { query: '?dryRun=All' })
  t.is(dry.status, 201, dry.text)
  t.deepEqual(
    kube.seen.map(({ url }) => url),
    ['/version', '/api/v1/namespaces/kube-system'],
    'a dry run probes too',
  )
  const made = await site.create('Cluster', 'one', { type: 'Imported', credentialRef: 'one' })
  t.is(made.status, 201, made.text)
  const { status } = made.json() as Cluster
  t.is(status?.version, 'v1.31.4')
  t.is(status?.kubeSystemUID, 'uid-one')
  t.regex(status?.credentialFingerprint ?? '', /^[0-9a-f]{32}$/)
  for (const seen of kube.seen) t.deepEqual(headersOf(seen, 'impersonate-user'), [])

  const token = await site.tokenFor('operator', 'one')
  const answer = await site.ask('/clusters/one/proxy/api/v1/namespaces/default/pods', {
    token,
    headers: { 'impersonate-user': 'root', 'impersonate-group': 'system:masters', 'x-remote-user': 'root' },
  })
  t.is(answer.status, 200, answer.text)
  const seen = kube.seen.at(-1)
  t.deepEqual(headersOf(seen, 'impersonate-user'), ['moorline:user1'])
  t.deepEqual(headersOf(seen, 'impersonate-group'), ['moorline:edit'])
  t.deepEqual(headersOf(seen, 'authorization'), [`Bearer ${kube.token}`])
  t.deepEqual(headersOf(seen, 'x-remote-user'), [])
})

test('an unmodified kubectl lists and watches an imported cluster', async (t) => {
  const site = await startImportSite(t)
  const kube = await site.kube()
  await site.create('Credential', 'one', {
    type: 'Kubeconfig',
    data: { kubeconfig: kubeconfigText({ server: kube.server, ca: site.kubeCa.cert, user: { token: kube.token } }) },
  })
  await site.create('Cluster', 'one', { type: 'Imported', credentialRef: 'one' })
  const served = await site.ask(`${apiPath}/clusters/one/kubeconfig`, { token: site.adminToken })
  t.is(served.status, 200)
  const listed = await site.kubectl('--server', `https://${site.host}/clusters/one/proxy`, 'get', 'pods', '-o', 'name')
  t.is(listed.stdout, 'pod/one\npod/two\n', listed.stderr)
})

test('a token with address and CA, a client certificate, and user and password with a base path are ways in', async (t) => {
  const site = await startImportSite(t)
  const clientCa = await testCa('clients')
  const client = await clientCa.issue({ commonName: 'admin' })
  const kube = await site.kube({
    clientCa: clientCa.cert,
    pathPrefix: '/k8s/clusters/c-1',
    accepts: ['Bearer a.token', `Basic ${base64('ann:pass word')}`],
  })
  const server = `${kube.server}/k8s/clusters/c-1`
  const ca = site.kubeCa.cert
  const ways = {
    token: { type: 'Token', data: { token: 'a.token' } },
    certificate: {
      type: 'Kubeconfig',
      data: {
        kubeconfig: kubeconfigText({
          ...{ server, ca },
          user: { 'client-certificate-data': base64(client.cert), 'client-key-data': base64(client.key) },
        }),
      },
    },
    basic: { type: 'Kubeconfig', data: { kubeconfig: kubeconfigText({ server, ca, user: { username: 'ann', password: 'pass word' } }) } },
  }
  for (const [name, credential] of Object.entries(ways)) {
    t.is((await site.create('Credential', name, credential)).status, 201, name)
    const spec = name === 'token' ? { apiServer: `${server}/`, certificateAuthority: ca } : {}
    const made = await site.create('Cluster', name, { type: 'Imported', credentialRef: name, ...spec })
    t.is(made.status, 201, `${name}: ${made.text}`)
    const answer = await site.ask(`/clusters/${name}/proxy/version`, { token: site.adminToken })
    t.is(answer.status, 200, name)
    t.is(kube.seen.at(-1)?.url, '/k8s/clusters/c-1/version')
  }
  const { expiresAt } = (await site.ask(`${apiPath}/credentials/certificate`, { token: site.adminToken })).json().status
  t.true(Date.parse(expiresAt) > Date.now() + 80 * 86_400_000, 'the end of the client certificate')
})

for (const [kind, start] of [
  ['socks5', startMicrosocks],
  ['http', startTinyproxy],
] as const)
  test(`a cluster is dialled through a ${kind} proxy, of the spec or of the kubeconfig; wrong credentials are said at their field`, async (t) => {
    const site = await startImportSite(t)
    const kube = await site.kube()
    const { host, port, username, password, log } = await start(t)
    const url = `${kind}://${host}:${port}`
    await site.create('Credential', 'proxy', { type: 'Password', data: { username, password } })
    await site.create('Credential', 'wrong', { type: 'Password', data: { username, password: 'canary-wrong' } })
    await site.create('Credential', 'token', { type: 'Token', data: { token: kube.token } })
    const spec = { type: 'Imported', credentialRef: 'token', apiServer: kube.server, certificateAuthority: site.kubeCa.cert }
    const made = await site.create('Cluster', 'one', { ...spec, proxy: { url, credentialRef: 'proxy' } })
    t.is(made.status, 201, made.text)
    t.true(log().includes(new URL(kube.server).port), 'the proxy was asked')
    t.is((await site.ask('/clusters/one/proxy/version', { token: site.adminToken })).status, 200)

    for (const proxy of [{ url, credentialRef: 'wrong' }, { url }]) {
      const refused = await site.create('Cluster', 'two', { ...spec, proxy })
      t.is(refused.status, 422)
      t.regex(causesOf(refused).join(), /^spec\.proxy\.credentialRef: .*(SOCKS5 authentication failed|CONNECT refused: 40[17])/)
      t.false(refused.text.includes('canary'))
    }
    const kubeconfig = kubeconfigText({
      ...{ server: kube.server, ca: site.kubeCa.cert, user: { token: kube.token } },
      cluster: { 'proxy-url': `${kind}://${username}:${encodeURIComponent(password)}@${host}:${port}` },
    })
    await site.create('Credential', 'own-proxy', { type: 'Kubeconfig', data: { kubeconfig } })
    t.is((await site.create('Cluster', 'three', { type: 'Imported', credentialRef: 'own-proxy' })).status, 201)

    const rotated = await site.replace('proxy', { password: 'canary-other' })
    t.is(rotated.status, 422)
    t.regex(causesOf(rotated).join(), /^spec\.data\.password: cluster one, which uses it: /)
  })

test('what is wrong is said at the field that has to change, and nothing is stored', async (t) => {
  const site = await startImportSite(t)
  const kube = await site.kube()
  const ca = site.kubeCa.cert
  const other = (await testCa('another')).cert
  const plain = createServer((socket) => socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  plain.listen(0, '127.0.0.1')
  await once(plain, 'listening')
  t.teardown(() => new Promise<void>((resolve) => void plain.close(() => resolve())))
  const expired = await site.kube({ tls: await site.kubeCa.issue({ notAfter: new Date(Date.now() - 1000) }) })
  const named = await site.kube({ tls: await site.kubeCa.issue({ names: ['api.example.org'] }) })
  await site.create('Credential', 'token', { type: 'Token', data: { token: kube.token } })
  await site.create('Credential', 'wrong', { type: 'Token', data: { token: 'canary-wrong-token' } })
  await site.create('Credential', 'password', { type: 'Password', data: { password: 'x' } })
  const good = { type: 'Imported', credentialRef: 'token', apiServer: kube.server, certificateAuthority: ca }
  const cases: [object, RegExp][] = [
    [{ ...good, credentialRef: 'wrong' }, /^spec\.credentialRef: the cluster does not accept the credential/],
    [{ ...good, credentialRef: 'missing' }, /^spec\.credentialRef: .*no Credential/],
    [{ ...good, credentialRef: 'password' }, /^spec\.credentialRef: .*Kubeconfig or Token/],
    [{ ...good, apiServer: undefined }, /^spec\.apiServer: Required/],
    [{ ...good, apiServer: `https://127.0.0.1:${await freePort()}` }, /^spec\.apiServer: .*ECONNREFUSED.*firewall/],
    [{ ...good, apiServer: 'https://no-such-host.invalid' }, /^spec\.apiServer: .*cannot be resolved/],
    [{ ...good, apiServer: 'https://169.254.169.254' }, /^spec\.apiServer: .*never dials/],
    [{ ...good, apiServer: `https://127.0.0.1:${(plain.address() as { port: number }).port}` }, /^spec\.apiServer: .*TLS/],
    [{ ...good, apiServer: `${kube.server}/elsewhere` }, /^spec\.apiServer: .*not the API/],
    [{ ...good, apiServer: expired.server }, /^spec\.apiServer: .*expired/],
    [{ ...good, apiServer: named.server }, /^spec\.apiServer: .*api\.example\.org/],
    [{ ...good, certificateAuthority: other }, /^spec\.certificateAuthority: /],
    [{ ...good, certificateAuthority: undefined }, /^spec\.certificateAuthority: /],
    [{ ...good, certificateAuthority: 'no PEM' }, /^spec\.certificateAuthority: .*PEM/],
    [{ ...good, proxy: { url: `http://127.0.0.1:${await freePort()}` } }, /^spec\.proxy: .*ECONNREFUSED/],
    [{ ...good, type: 'Registered' }, /^spec\.apiServer: .*Imported/],
  ]
  for (const [spec, expected] of cases) {
    const refused = await site.create('Cluster', 'one', spec)
    t.is(refused.status, 422, refused.text)
    t.regex(causesOf(refused).join(' | '), expected)
    t.false(refused.text.includes('canary'))
    t.is(site.resources.get('Cluster', 'one'), undefined)
  }
  t.is((await site.create('Cluster', 'one', good)).status, 201)
})

test('a redirect of an API server is not followed', async (t) => {
  const site = await startImportSite(t)
  const kube = await site.kube()
  await site.create('Credential', 'token', { type: 'Token', data: { token: kube.token } })
  await site.create('Cluster', 'one', {
    ...{ type: 'Imported', credentialRef: 'token', apiServer: kube.server, certificateAuthority: site.kubeCa.cert },
  })
  const before = kube.seen.length
  const answer = await site.ask('/clusters/one/proxy/redirect?to=https://169.254.169.254/latest', { token: site.adminToken })
  t.is(answer.status, 302)
  t.is(answer.headers.location, undefined)
  t.is(kube.seen.length, before + 1)
})

test('a secret is replaced in place: tried first, refused for another cluster, used from the next request on', async (t) => {
  const site = await startImportSite(t)
  const kube = await site.kube({ uid: 'uid-one', accepts: ['Bearer first', 'Bearer second'] })
  const other = await site.kube({ uid: 'uid-two', accepts: ['Bearer first'] })
  const text = (server: string, token: string) => kubeconfigText({ server, ca: site.kubeCa.cert, user: { token } })
  await site.create('Credential', 'one', { type: 'Kubeconfig', data: { kubeconfig: text(kube.server, 'first') } })
  await site.create('Cluster', 'one', { type: 'Imported', credentialRef: 'one' })
  const get = () => site.ask('/clusters/one/proxy/version', { token: site.adminToken })
  t.is((await get()).status, 200)

  const elsewhere = await site.replace('one', { kubeconfig: text(other.server, 'first') })
  t.is(elsewhere.status, 422)
  t.regex(causesOf(elsewhere).join(), /^spec\.data\.kubeconfig: cluster one: this leads to a different cluster: .*uid-two.*uid-one/)
  const bad = await site.replace('one', { kubeconfig: text(kube.server, 'canary-third') })
  t.regex(causesOf(bad).join(), /^spec\.data\.kubeconfig: cluster one, which uses it: the cluster does not accept/)
  t.is((await get()).status, 200, 'the old one is still in use')
  t.deepEqual(headersOf(kube.seen.at(-1), 'authorization'), ['Bearer first'])

  t.is((await site.replace('one', { kubeconfig: text(kube.server, 'second') }, '?dryRun=All')).status, 200)
  await get()
  t.deepEqual(headersOf(kube.seen.at(-1), 'authorization'), ['Bearer first'])
  const replaced = await site.replace('one', { kubeconfig: text(kube.server, 'second') })
  t.is(replaced.status, 200, replaced.text)
  t.false(replaced.text.includes('second'))
  await get()
  t.deepEqual(headersOf(kube.seen.at(-1), 'authorization'), ['Bearer second'])
  const moved = await site.ask(`${apiPath}/clusters/one`, {
    ...{ method: 'PATCH', token: site.adminToken, headers: { 'content-type': 'application/merge-patch+json' } },
    body: { spec: { apiServer: other.server } },
  })
  t.is(moved.status, 422)
})

test('a credential that the cluster refuses later on is an answer of 502 that says so', async (t) => {
  const site = await startImportSite(t)
  const kube = await site.kube()
  await site.create('Credential', 'token', { type: 'Token', data: { token: kube.token } })
  await site.create('Cluster', 'one', {
    ...{ type: 'Imported', credentialRef: 'token', apiServer: kube.server, certificateAuthority: site.kubeCa.cert },
  })
  kube.refuseToken()
  const answer = await site.ask('/clusters/one/proxy/version', { token: site.adminToken })
  t.is(answer.status, 502)
  t.regex(answer.text, /does not accept the credentials that the hub has/)
  await kube.stop()
  const gone = await site.ask('/clusters/one/proxy/version', { token: site.adminToken })
  t.is(gone.status, 502)
  t.regex(gone.json().message, /cannot connect to 127\.0\.0\.1:\d+: .*ECONNREFUSED/)
})

test('who is limited to a cluster cannot make the hub show the Credentials of others', async (t) => {
  const site = await startImportSite(t)
  const kube = await site.kube()
  await site.create('Credential', 'theirs', { type: 'Token', data: { token: kube.token } })
  await site.create('Cluster', 'mine', { type: 'Registered' })
  const token = await site.tokenFor('operator', 'mine')
  await site.resources.delete('Cluster', 'mine')
  const spec = { type: 'Imported', credentialRef: 'theirs', apiServer: kube.server, certificateAuthority: site.kubeCa.cert }
  const refused = await site.create('Cluster', 'mine', spec, { token })
  t.is(refused.status, 403, refused.text)
  t.is(kube.seen.length, 0, 'it was not even dialled')
  t.is((await site.create('Credential', 'own', { type: 'Token', data: { token: kube.token } }, { token })).status, 403)
  t.is((await site.create('Credential', 'own', { type: 'Token', clusterRef: 'mine', data: { token: kube.token } }, { token })).status, 201)
  const made = await site.create('Cluster', 'mine', { ...spec, credentialRef: 'own' }, { token })
  t.is(made.status, 201, made.text)
  t.is((await site.create('Cluster', 'others', { ...spec, credentialRef: 'own' })).status, 422, 'a bound Credential is of no use elsewhere')
  const seen = (await site.ask(`${apiPath}/credentials`, { token })).json() as { items: { metadata: { name: string } }[] }
  t.deepEqual(
    seen.items.map(({ metadata }) => metadata.name),
    ['own'],
  )
})
