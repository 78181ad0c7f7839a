// F-30, F-34, F-40: hostile paths, output and arguments through the real hub and the real agent, from the API to the log that comes back.
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { emptyMetadata, type ServiceError } from '#agent/link/grpc.ts'
import { ArtifactServiceClient } from '#proto/moorline/v1/procedures.ts'
import type { Machine } from '#shared/contract/machine.ts'
import type { Task } from '#shared/contract/task.ts'
import { isTerminal } from '#shared/contract/task-state.ts'
import { until } from '#test/helpers/until.ts'
import { kindPath } from './client.ts'
import { type Fleet, type FleetAgent, startFleet } from './fleet.ts'
import { checkFleet } from './invariants.ts'
import { enrolled, proceduresOf } from './wire.ts'

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
async function run(action: string, input: unknown, metadata?: object): Promise<Task> {
  const made = await fleet.client().ask('POST', `${kindPath}/tasks`, { body: task(action, input, metadata) })
  if (made.status !== 201) throw new Error(`${made.status} ${made.text}`)
  const { name } = made.json<Task>().metadata
  return until(
    'the task to end',
    async () => {
      const found = (await fleet.client().ask('GET', `${kindPath}/tasks/${name}`)).json<Task>()
      return isTerminal(found.status?.state ?? 'Pending') && found
    },
    { timeoutMs: 30_000 },
  )
}
const logOf = async (name: string, format = 'text') =>
  (await fleet.client().ask('GET', `${kindPath}/tasks/${name}/log?format=${format}`)).text

test.serial('F-30: a file task never writes outside what the machine’s policy allows, whatever its path looks like', async (t) => {
  const { workDir, stateDir } = agent()
  await mkdir(join(workDir, 'real'))
  await writeFile(join(stateDir, 'victim'), 'untouched')
  await symlink(stateDir, join(workDir, 'link'))
  await symlink(join(stateDir, 'victim'), join(workDir, 'file-link'))
  const refusedByApi = [
    `${workDir}/../agent-0/victim`,
    `${workDir}/./x`,
    `${workDir}/real/../../agent-0/victim`,
    `${workDir}/a\0b`,
    'relative',
    '',
  ]
  for (const path of refusedByApi) {
    const answer = await fleet.client().ask('POST', `${kindPath}/tasks`, { body: task('file', { path, content: 'x' }) })
    t.is(answer.status, 422, JSON.stringify(path))
  }
  const refusedByAgent: [string, RegExp][] = [
    [`${workDir}//real/x`, /PathNotAllowed/],
    [`${workDir}/link/victim`, /PathNotAllowed/],
    [`${workDir}/file-link`, /NotARegularFile/],
    [`${workDir}/real`, /NotARegularFile/],
    [join(stateDir, 'victim'), /PathNotAllowed/],
    [join(stateDir, 'policy.json'), /PathNotAllowed/],
    [join(stateDir, 'identity/current'), /PathNotAllowed/],
    ['/etc/shadow', /PathNotAllowed/],
    ['/root/.ssh/authorized_keys', /PathNotAllowed/],
    ['/proc/self/environ', /PathNotAllowed/],
    ['/dev/null/x', /PathNotAllowed|ParentMissing/],
    [`${workDir}/%2e%2e/x`, /ParentMissing/],
    [`${workDir}/missing/x`, /ParentMissing/],
  ]
  for (const [path, reason] of refusedByAgent) {
    const { status } = await run('file', { path, content: 'hostile' })
    t.is(status?.state, 'Failed', path)
    t.regex(status?.reason ?? '', reason, path)
  }
  t.is(await readFile(join(stateDir, 'victim'), 'utf8'), 'untouched')
  t.deepEqual((await readdir(workDir)).sort(), ['file-link', 'link', 'real'])
  t.deepEqual(await readdir(join(workDir, 'real')), [])
  for (const name of ['link', 'file-link']) await rm(join(workDir, name))
})

test.serial('F-30: an artifact is one of a few names; nothing else is read, over HTTP or gRPC', async (t) => {
  const names = [
    ...['..%2f..%2fhub.db', '%2e%2e/hub.db', '..%5chub.db', 'moorline-agent-linux-x64%00', 'moorline-agent-linux-x64/../../etc/passwd'],
    ...['....//hub.db', '%252e%252e%252fhub.db', '/etc/passwd', '%2fetc%2fpasswd', 'hub.db', 'moorline-agent-linux-x64%0a', 'package.json'],
  ]
  for (const name of names) {
    const { status, text } = await fleet.client().ask('GET', `/artifacts/${name}`, { token: null })
    t.true([400, 404].includes(status), `${name} ${status}`)
    t.notRegex(text, /root:|SQLite|"version"/)
  }
  for (const path of ['/../hub.db', '/assets/../../hub.db', '/assets/..%2f..%2fpackage.json', '/%2e%2e/package.json']) {
    const { text } = await fleet.client().ask('GET', path, { token: null })
    t.notRegex(text, /SQLite|"devDependencies"/, path)
  }
  const identity = await enrolled(fleet)
  const client = proceduresOf({ teardown: (run) => t.teardown(run) }, fleet, identity).client(ArtifactServiceClient)
  for (const name of ['../hub.db', '../../etc/passwd', 'hub.db', '/etc/passwd', 'a\0b', '', '.', 'x'.repeat(10_000)]) {
    const code = await new Promise<number>((resolve) => {
      const call = client.fetch({ name, sha256: '0'.repeat(64), offset: 0n }, emptyMetadata(), { deadline: Date.now() + 10_000 })
      call.on('data', () => resolve(-1))
      call.on('error', (error: ServiceError) => resolve(error.code))
      call.on('end', () => resolve(0))
    })
    t.true(code > 0, `${JSON.stringify(name)} ${code}`)
  }
  t.is((await fleet.client().ask('GET', '/artifacts/moorline-agent-linux-x64', { token: null })).text, 'an agent')
})

test.serial(
  'F-34: control characters, terminal sequences, NUL, broken UTF-8 and lines of a megabyte come back as plain text',
  async (t) => {
    const hostile = '\\033[2J\\033]0;owned\\007red\\033[31m\\rover\\000nul\\b\\x9b1m\\377\\376\\u2028\\u202e end\\n'
    const { metadata, status } = await run('exec', { command: ['/usr/bin/printf', hostile] })
    t.is(status?.state, 'Succeeded')
    const text = await logOf(metadata.name)
    t.notRegex(text, /[\0-\x08\x0b-\x1f\x7f-\x9f]/)
    t.regex(text, /red[^]*over[^]*nul[^]* end\n$/)
    const lines = (await logOf(metadata.name, 'json')).split('\n').filter(Boolean)
    for (const line of lines) {
      t.notRegex(line, /[\0-\x1f\x7f-\x9f\u2028\u202e]/)
      t.notThrows(() => JSON.parse(line) as unknown)
    }
    const megabyte = 1024 * 1024
    const long = await run('exec', {
      command: ['sh', '-c', `head -c ${megabyte} /dev/zero | tr '\\0' 'x'; echo; head -c ${megabyte} /dev/zero`],
    })
    t.is(long.status?.state, 'Succeeded')
    const whole = await logOf(long.metadata.name)
    t.true(whole.startsWith(`${'x'.repeat(megabyte)}\n`))
    t.notRegex(whole.slice(megabyte + 1), /[\0-\x08\x0b-\x1f]/)
    // A forged line of the hub's own log would begin a line.
    const forged = await run('exec', { command: ['printf', '\\n{"level":"info","msg":"forged"}\\n'] }, { name: 'forger' })
    t.is(forged.status?.state, 'Succeeded')
    t.false(
      fleet.programs.some((program) =>
        (program.stdout() + program.stderr()).split('\n').some((line) => line.startsWith('{"level":"info","msg":"forged"')),
      ),
    )
  },
)

test.serial(
  'F-40: $(id), quotes and line ends are text: as arguments they arrive as they are, as names and labels they are refused',
  async (t) => {
    const hostile = [
      '$(id)',
      '`id`',
      `'; id; '`,
      '"; id; "',
      'a\nb',
      '*',
      '~',
      '$HOME',
      '&& id',
      '| id',
      '> /tmp/x',
      '-n',
      '\\',
      'ä€😀',
      '',
    ]
    const { metadata, status } = await run('exec', {
      command: ['node', '-e', 'process.stdout.write(JSON.stringify(process.argv.slice(1)))', '--', ...hostile],
    })
    t.is(status?.state, 'Succeeded', status?.message)
    t.deepEqual(JSON.parse(await logOf(metadata.name)), hostile)
    const environment = await run('exec', {
      command: ['node', '-e', 'process.stdout.write(JSON.stringify([process.env.X, process.env.MOORLINE_LOG_LEVEL]))'],
      environment: { X: hostile.join(' ') },
    })
    t.deepEqual(JSON.parse(await logOf(environment.metadata.name)), [hostile.join(' '), ''])
    for (const name of hostile.filter(Boolean)) {
      const body = { apiVersion: 'moorline.dev/v1alpha1', kind: 'Cluster', metadata: { name }, spec: { type: 'Registered' } }
      t.is((await fleet.client().ask('POST', `${kindPath}/clusters`, { body })).status, 422, name)
      const labelled = { ...body, metadata: { name: 'labelled', labels: { [name]: 'x' } } }
      t.is((await fleet.client().ask('POST', `${kindPath}/clusters`, { body: labelled })).status, 422, name)
      if (!/^[a-z0-9-]*$/i.test(name)) {
        const valued = { ...body, metadata: { name: 'labelled', labels: { x: name } } }
        t.is((await fleet.client().ask('POST', `${kindPath}/clusters`, { body: valued })).status, 422, name)
      }
    }
    // Free text is kept and shown as text.
    const noted = await fleet.client().ask('PATCH', `${kindPath}/machines/${machineName()}`, {
      headers: { 'content-type': 'application/merge-patch+json' },
      body: { metadata: { annotations: { 'example.com/note': hostile.join(' ') } } },
    })
    t.is(noted.json<Machine>().metadata.annotations?.['example.com/note'], hostile.join(' '))
  },
)

test.serial('the invariants hold after all hostile input', async (t) => {
  await fleet.work()
  const broken = await checkFleet(fleet)
  t.deepEqual(broken, [])
})
