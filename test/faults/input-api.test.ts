// F-37, F-39, F-40: hostile requests to the API of the real hub, and what it puts into a script.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { tryCommand } from '#scripts/dev/command.ts'
import { startProgram } from '#test/helpers/processes.ts'
import { inRepository } from '#test/helpers/paths.ts'
import { kindPath } from './client.ts'
import { type Fleet, type FleetAgent, startFleet } from './fleet.ts'
import { checkFleet } from './invariants.ts'

let fleet: Fleet
let artifactsDir = ''
test.before(async () => {
  artifactsDir = await mkdtemp(join(tmpdir(), 'moorline-faults-'))
  await writeFile(join(artifactsDir, 'moorline-agent-linux-x64'), 'an agent')
  fleet = await startFleet({ agents: 1, hubEnv: { MOORLINE_ARTIFACTS_DIR: artifactsDir } })
})
test.after.always(async () => {
  await fleet?.close()
  await rm(artifactsDir, { recursive: true, force: true })
})

const agent = () => fleet.agents[0] as FleetAgent
const machineName = () => agent().machine.metadata.name
let serial = 0
const task = (action: string, input: unknown, metadata: object = {}) => ({
  apiVersion: 'moorline.dev/v1alpha1',
  kind: 'Task',
  metadata: { name: `input-${++serial}`, ...metadata },
  spec: { machine: machineName(), action, input },
})

test.serial('F-37: with a cookie, a write needs this hub’s Origin; a GET writes nothing', async (t) => {
  const client = fleet.client()
  const link = (await client.ask('POST', '/auth/login-links', { body: {} })).json<{ path: string }>()
  const code = link.path.split('=')[1] ?? ''
  const signedIn = await client.ask('POST', '/auth/login', { token: null, body: { code }, headers: { origin: client.url } })
  t.is(signedIn.status, 200)
  const cookie = String(signedIn.headers['set-cookie']?.[0]).split(';')[0] ?? ''
  fleet.secrets.set('session', cookie.split('=')[1] ?? '')
  fleet.secrets.set('login code', code)
  const body = { apiVersion: 'moorline.dev/v1alpha1', kind: 'Cluster', metadata: { name: 'csrf' }, spec: { type: 'Registered' } }
  const origins: Record<string, string>[] = [
    {},
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: client.url.replace('https', 'http') },
    { origin: `${client.url}.evil.example` },
    { origin: client.url, 'sec-fetch-site': 'cross-site' },
    { referer: client.url },
  ]
  for (const headers of origins)
    for (const [method, path] of [
      ['POST', `${kindPath}/clusters`],
      ['DELETE', `${kindPath}/machines/${machineName()}`],
      ['PATCH', `${kindPath}/machines/${machineName()}`],
      ['POST', '/auth/logout'],
      ['POST', '/auth/login-links'],
    ] as const)
      t.is(
        (await client.ask(method, path, { token: null, body, headers: { cookie, ...headers } })).status,
        403,
        `${method} ${path} ${JSON.stringify(headers)}`,
      )
  t.is((await client.ask('GET', `${kindPath}/clusters/csrf`)).status, 404)
  t.is((await client.ask('POST', `${kindPath}/clusters`, { token: null, body, headers: { cookie, origin: client.url } })).status, 201)
  const version = async () =>
    (await client.ask('GET', `${kindPath}/clusters`)).json<{ metadata: { resourceVersion: string } }>().metadata.resourceVersion
  const before = await version()
  for (const path of [
    '/auth/logout',
    '/auth/login',
    '/auth/login-links',
    `${kindPath}/clusters/csrf?_method=DELETE`,
    `${kindPath}/tasks/forger/cancel`,
    `${kindPath}/clusters?name=x&kind=Cluster`,
  ])
    await client.ask('GET', path, { token: null, headers: { cookie, 'x-http-method-override': 'DELETE' } })
  t.is((await client.ask('GET', '/auth/whoami', { token: null, headers: { cookie } })).status, 200)
  t.is((await client.ask('GET', `${kindPath}/clusters/csrf`)).status, 200)
  t.is(await version(), before)
})

test.serial('F-39: __proto__ and constructor are refused or mean nothing, in JSON, YAML, patches, inputs and queries', async (t) => {
  const client = fleet.client()
  const bodies: [string, string, string, string][] = [
    [
      'POST',
      `${kindPath}/clusters`,
      'application/json',
      '{"__proto__":{"isAdmin":true},"apiVersion":"moorline.dev/v1alpha1","kind":"Cluster","metadata":{"name":"p1"},"spec":{"type":"Registered"}}',
    ],
    [
      'POST',
      `${kindPath}/clusters`,
      'application/json',
      '{"apiVersion":"moorline.dev/v1alpha1","kind":"Cluster","metadata":{"name":"p1","labels":{"__proto__":"x"}},"spec":{"type":"Registered"}}',
    ],
    [
      'POST',
      `${kindPath}/clusters`,
      'application/yaml',
      'apiVersion: moorline.dev/v1alpha1\nkind: Cluster\nmetadata: {name: p1}\nspec: {type: Registered, constructor: {prototype: {x: 1}}}\n',
    ],
    [
      'POST',
      `${kindPath}/clusters`,
      'application/yaml',
      'apiVersion: moorline.dev/v1alpha1\nkind: Cluster\nmetadata: {name: p1}\nspec:\n  <<: {__proto__: {type: Registered}}\n',
    ],
    [
      'POST',
      `${kindPath}/tasks`,
      'application/json',
      JSON.stringify(task('exec', { command: ['env'] })).replace('"command"', '"environment":{"__proto__":"x"},"command"'),
    ],
    [
      'PATCH',
      `${kindPath}/machines/${machineName()}`,
      'application/merge-patch+json',
      '{"spec":{"labels":{"__proto__":{"polluted":"yes"}}}}',
    ],
    [
      'PATCH',
      `${kindPath}/machines/${machineName()}`,
      'application/json-patch+json',
      '[{"op":"add","path":"/constructor/prototype/polluted","value":true}]',
    ],
    [
      'PATCH',
      `${kindPath}/machines/${machineName()}`,
      'application/json-patch+json',
      '[{"op":"add","path":"/metadata/__proto__/polluted","value":"x"}]',
    ],
    ['POST', '/auth/login', 'application/json', '{"__proto__":{"token":"x"}}'],
  ]
  for (const [method, path, type, body] of bodies) {
    const answer = await client.ask(method, path, { body, headers: { 'content-type': type } })
    t.true([400, 415, 422].includes(answer.status), `${body} ${answer.status}`)
  }
  for (const query of [
    '__proto__[x]=1',
    'constructor.prototype.x=1',
    'labelSelector=__proto__%3Dx',
    'labelSelector=constructor',
    'fieldSelector=__proto__%3Dx',
    'limit=__proto__',
    '__proto__=1&__proto__=2',
  ]) {
    const { status } = await client.ask('GET', `${kindPath}/machines?${query}`)
    t.true([200, 400].includes(status), `${query} ${status}`)
  }
  for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'])
    for (const path of [`${kindPath}/machines/${name}`, `${kindPath}/${name}`, `/apis/${name}/v1`, `${kindPath}/tasks/${name}/log`])
      t.is((await client.ask('GET', path)).status, 404, path)
  // Nothing has become true of every object.
  const made = await client.ask('POST', `${kindPath}/clusters`, {
    body: { apiVersion: 'moorline.dev/v1alpha1', kind: 'Cluster', metadata: { name: 'clean' }, spec: { type: 'Registered' } },
  })
  t.is(made.status, 201)
  t.notRegex(made.text, /polluted|isAdmin/)
})

test.serial('F-40: every value of the install script has a grammar; a hub that would break one does not serve it', async (t) => {
  for (const url of ["https://x';$(id)", 'https://x\nid', 'https://x/path`id`']) {
    const hub = await startProgram(
      { teardown: (run) => t.teardown(run) },
      process.execPath,
      ['hub/main.ts', '--listen', '127.0.0.1:0', '--data', join(fleet.directory, 'refused'), '--public-url', url],
      { cwd: inRepository() },
    )
    t.is((await hub.exited).code, 1, url)
    t.regex(hub.stderr(), /public-url/)
  }
  const token = (
    await fleet.client().ask('POST', `${kindPath}/jointokens`, {
      body: { apiVersion: 'moorline.dev/v1alpha1', kind: 'JoinToken', metadata: { generateName: 'shell-' }, spec: { uses: 1 } },
    })
  ).json<{ metadata: { name: string }; status: { installCommand: string; token: string } }>()
  fleet.secrets.set(`token of ${token.metadata.name}`, token.status.token)
  const parsed = await tryCommand('sh', ['-n'], { stdin: token.status.installCommand })
  t.is(parsed.code, 0, parsed.stderr)
  for (const header of ['evil.example$(id)', "x';id;'", 'evil.example']) {
    const session = connectHttp2(fleet.client().url, { ca: fleet.client().ca })
    const text = await new Promise<string>((resolve) => {
      let body = ''
      const stream = session.request({ ':path': '/install.sh', ':authority': header, 'x-forwarded-host': header })
      stream.setEncoding('utf8').on('data', (part: string) => (body += part))
      stream.on('error', () => resolve(''))
      stream.on('close', () => resolve(body))
    })
    session.destroy()
    t.regex(text, /^#!\/bin\/sh/)
    t.notRegex(text, /evil\.example|\$\(id\)|;id;/)
  }
})

test.serial('the invariants hold after all hostile input', async (t) => {
  await fleet.work()
  const broken = await checkFleet(fleet)
  t.deepEqual(broken, [])
})
