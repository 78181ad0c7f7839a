// One SSH connection over a socket that has been dialled already: who the server is, who we are, and what went wrong in plain words.
import { createHash } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { Clock } from '#shared/clock/clock.ts'
import ssh2, { type ClientErrorExtensions } from 'ssh2'
import { algorithms } from './algorithms.ts'
import { createCommands, type SshCommands } from './command.ts'
import { printable, SshFailure } from './failure.ts'
import { loginOf, type SshSecrets } from './login.ts'

export interface ConnectOptions {
  socket: Duplex
  user: string
  secrets: SshSecrets
  /** Called with `SHA256:…` before anything secret is sent; a rejection ends the connection and is what `connectSsh` throws. */
  acceptHostKey(fingerprint: string): Promise<void>
  clock: Clock
  signal: AbortSignal
}

export interface SshConnection extends SshCommands {
  close(): void
}

/** From the server's first byte to the login. */
const readyTimeoutMs = 30_000
const keepaliveMs = 10_000
const keepalivesMissed = 3
const goodbyeMs = 2_000

/** @throws SshFailure, what `acceptHostKey` threw, or the signal's reason */
export async function connectSsh({ socket, user, secrets, acceptHostKey, clock, signal }: ConnectOptions): Promise<SshConnection> {
  const client = new ssh2.Client()
  const ready = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<never>()
  closed.promise.catch(() => {
    // Commands race against it; nobody else has to.
  })
  let refusal: unknown
  let isReady = false
  const abort = () => {
    ready.reject(signal.reason)
    client.destroy()
  }
  const fail = (error: unknown) => {
    ready.reject(refusal ?? error)
    closed.reject(error)
  }
  client.on('ready', () => {
    isReady = true
    ready.resolve()
  })
  client.on('error', (error: Error & ClientErrorExtensions) => fail(isReady ? lost(error) : explain(error, user, secrets)))
  client.on('close', () =>
    fail(isReady ? lost() : new SshFailure('SshHandshakeFailed', 'the server closed the connection before the login')),
  )
  try {
    signal.throwIfAborted()
    signal.addEventListener('abort', abort, { once: true })
    client.connect({
      ...loginOf(user, secrets),
      sock: socket as never,
      algorithms: algorithms as never,
      readyTimeout: readyTimeoutMs,
      keepaliveInterval: keepaliveMs,
      keepaliveCountMax: keepalivesMissed,
      hostVerifier(key: Buffer, verify: (isAccepted: boolean) => void) {
        acceptHostKey(fingerprintOf(key)).then(
          () => verify(true),
          (error: unknown) => {
            refusal = error
            verify(false)
          },
        )
      },
    })
    await ready.promise
  } catch (error) {
    client.destroy()
    socket.destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
  return {
    ...createCommands(client, closed.promise, clock),
    close() {
      client.end()
      // A server that does not answer the goodbye does not keep the socket.
      clock.setTimer(goodbyeMs, () => socket.destroy(), true)
    },
  }
}

/** As `ssh-keygen -lf` prints it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
}

function lost(error?: Error): SshFailure {
  const why = error ? `: ${printable(error.message)}` : ''
  return new SshFailure('ConnectionLost', `the SSH connection ended in the middle${why}`, error)
}

function explain(error: Error & ClientErrorExtensions, user: string, secrets: SshSecrets): SshFailure {
  const text = printable(error.message)
  if (error.level === 'client-authentication') {
    const what = secrets.privateKey === undefined ? 'password' : 'key'
    return new SshFailure('LoginRefused', `the server refused the login of ${user} with the ${what} of the Credential`, error)
  }
  if (error.level === 'client-timeout')
    return new SshFailure('SshUnreachable', `the server did not finish the handshake within ${readyTimeoutMs / 1000} s`, error)
  const missing = /no matching (.+)$/i.exec(text)?.[1]
  if (missing)
    return new SshFailure(
      'AlgorithmsTooOld',
      `hub and server have no ${missing} in common: the server offers only old ones, with SHA-1, CBC or DSA`,
      error,
    )
  if (error.level === 'client-socket') return new SshFailure('SshUnreachable', `the connection to the server broke: ${text}`, error)
  return new SshFailure('SshHandshakeFailed', `what answers there does not speak SSH as it should: ${text}`, error)
}
