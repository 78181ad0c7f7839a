// Against Debian's sshd and sudo: see test/helpers/ssh/machine.ts.
import { createConnection } from 'node:net'
import test from 'ava'
import { connectSsh, type SshConnection } from '#hub/ssh/connect.ts'
import type { SshFailure } from '#hub/ssh/failure.ts'
import type { SshSecrets } from '#hub/ssh/login.ts'
import { rootCommands } from '#hub/ssh/sudo.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { createOwner } from '#test/faults/owner.ts'
import { type SshMachine, startSshMachine } from '#test/helpers/ssh/machine.ts'

const owner = createOwner()
let machine: SshMachine

test.before(async () => {
  machine = await startSshMachine(owner)
})
test.after.always(() => owner.close())

interface Options {
  user?: string
  signal?: AbortSignal
  acceptHostKey?(fingerprint: string): Promise<void>
  port?: number
}

function connect(secrets: SshSecrets, options: Options = {}): Promise<SshConnection> {
  const { user = 'root', signal = new AbortController().signal, acceptHostKey = async () => {}, port = machine.port } = options
  return connectSsh({ socket: createConnection({ host: '127.0.0.1', port }), user, secrets, acceptHostKey, clock: systemClock, signal })
}
const never = new AbortController().signal
const short = { what: 'the command', timeoutMs: 20_000, signal: never }
const reasonOf = (error: Error | undefined) => (error as SshFailure | undefined)?.reason

test('a password, a key and an encrypted key log in', async (t) => {
  const { password, key, encryptedKey, passphrase } = machine
  for (const secrets of [{ password }, { privateKey: key }, { privateKey: encryptedKey, passphrase }]) {
    const connection = await connect(secrets, { user: 'plain' })
    t.is((await connection.run('id -un', short)).stdout, 'plain\n')
    connection.close()
  }
})

test('what is wrong with the secret is said, and never the secret', async (t) => {
  const { encryptedKey, key } = machine
  for (const [secrets, reason] of [
    [{ password: 'canary-wrong' }, 'LoginRefused'],
    [{ privateKey: encryptedKey, passphrase: 'canary-wrong' }, 'PassphraseWrong'],
    [{ privateKey: encryptedKey }, 'PassphraseWrong'],
    [{ privateKey: 'canary-wrong' }, 'KeyUnreadable'],
    [{ privateKey: key.replace(/[A-Za-z]{8}/, 'AAAAAAAA') }, 'KeyUnreadable'],
  ] as const) {
    const error = await t.throwsAsync(connect(secrets, { user: 'plain' }))
    t.is(reasonOf(error), reason, error?.message)
    t.false(`${error?.message}`.includes('canary'))
  }
})

test('the host key is shown before anything secret is sent, as ssh-keygen prints it, and a refusal of it is what is thrown', async (t) => {
  const seen: string[] = []
  const refusal = new Error('another key')
  const acceptHostKey = async (fingerprint: string) => {
    seen.push(fingerprint)
    throw refusal
  }
  const error = await t.throwsAsync(connect({ password: machine.password }, { acceptHostKey }))
  t.is(error, refusal)
  t.deepEqual(seen, [machine.hostKey()])
})

test('output comes whole and in lines, with exit code and both streams', async (t) => {
  const connection = await connect({ privateKey: machine.key })
  const lines: string[] = []
  const onLine = (stream: string, line: string) => void lines.push(`${stream} ${line}`)
  const ran = await connection.run('echo one; echo two >&2; printf three; exit 7', { ...short, onLine })
  t.like(ran, { code: 7, stdout: 'one\nthree', stderr: 'two\n' })
  t.deepEqual(lines.sort(), ['stderr two', 'stdout one', 'stdout three'])
  connection.close()
})

test('a command that takes too long, and one that is aborted, end on both sides', async (t) => {
  const connection = await connect({ privateKey: machine.key })
  const slow = await t.throwsAsync(connection.run('cat; echo gone >/run/test/ended', { ...short, isInputHeld: true, timeoutMs: 300 }))
  t.is(reasonOf(slow), 'StepTimedOut')
  t.is(machine.sh('cat /run/test/ended'), 'gone\n')
  const stopper = new AbortController()
  const ran = connection.run('cat', { ...short, isInputHeld: true, signal: stopper.signal })
  stopper.abort(new Error('enough'))
  t.is((await t.throwsAsync(ran))?.message, 'enough')
  connection.close()
})

test('a connection that breaks in the middle of a command says so', async (t) => {
  const socket = createConnection({ host: '127.0.0.1', port: machine.port })
  const options = { user: 'root', secrets: { privateKey: machine.key }, acceptHostKey: async () => {}, clock: systemClock, signal: never }
  const connection = await connectSsh({ ...options, socket })
  const ran = connection.run('echo here; sleep 30', { ...short, onLine: () => socket.destroy() })
  t.is(reasonOf(await t.throwsAsync(ran)), 'ConnectionLost')
})

test('sudo: without a password, with one, and none at all', async (t) => {
  const { privateKey, password } = { privateKey: machine.key, password: machine.password }
  for (const [user, given] of [
    ['ops', undefined],
    ['asks', password],
  ] as const) {
    const connection = await connect({ privateKey }, { user })
    const root = await rootCommands(connection, { isRoot: false, hasSudo: true, user, ...(given && { password: given }), signal: never })
    const ran = await root.run('sh -c "id -un; cat"', { ...short, stdin: 'input of its own\n' })
    t.like(ran, { code: 0, stdout: 'root\ninput of its own\n' })
    connection.close()
  }
  for (const [user, given, message] of [
    ['asks', undefined, /asks asks? ?.*password|asks for a password|asks asks for a password/],
    ['asks', 'canary-wrong', /does not take the password/],
    ['plain', password, /does not let plain become root/],
  ] as const) {
    const connection = await connect({ privateKey }, { user })
    const error = await t.throwsAsync(
      rootCommands(connection, { isRoot: false, hasSudo: true, user, ...(given && { password: given }), signal: never }),
    )
    t.is(reasonOf(error), 'SudoRefused')
    t.regex(error?.message ?? '', message)
    t.false(error?.message.includes('canary'))
    connection.close()
  }
})

test('a server that has only old algorithms is refused with the reason', async (t) => {
  const old = await startSshMachine(owner, { sshd: ['KexAlgorithms diffie-hellman-group14-sha1'] })
  const error = await t.throwsAsync(connect({ password: old.password }, { port: old.port }))
  t.is(reasonOf(error), 'AlgorithmsTooOld', error?.message)
})

test('what is no SSH server, and what says nothing, is told apart from a refusal', async (t) => {
  const { createServer } = await import('node:net')
  const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  const error = await t.throwsAsync(connect({ password: 'x' }, { port }))
  t.is(reasonOf(error), 'SshHandshakeFailed', error?.message)
  server.close()
})
