// A target that is a TCP service, as the machine's policy file names it. The hub chooses the name and nothing else: host and port
// are read here, and a host name must not lead to an address that is special to this machine.
import { lookup } from 'node:dns'
import { connect, type LookupFunction, type Socket } from 'node:net'
import { type Clock } from '#shared/clock/clock.ts'
import { tunnelLimits } from '#shared/contract/tunnel.ts'
import { messageOf } from '#shared/errors/agent-error.ts'
import { TunnelError } from '#shared/errors/tunnel-error.ts'
import { isLinkLocal, isLoopback, isMulticast, isUnspecified, parseAddress } from '#shared/net/address.ts'
import { isMetadataService, plainAddress } from '#shared/net/special-addresses.ts'
import { splice } from '#shared/tunnel/splice.ts'
import type { TunnelTarget } from './types.ts'

export interface TcpTarget {
  /** An address as it is written in full, or a DNS name. */
  host: string
  port: number
}

/**
 * Why a name may not lead to this address: services that listen there believe whoever reaches them, and a name is whatever its DNS
 * server says today. An operator who wants one of them writes the address itself.
 */
export function refusedAddress(text: string): string | undefined {
  const parsed = parseAddress(text)
  if (parsed === undefined) return 'not an address'
  const address = plainAddress(parsed)
  if (isLoopback(address)) return 'loopback'
  if (isLinkLocal(address)) return 'link-local'
  if (isMulticast(address)) return 'multicast'
  if (isMetadataService(address)) return 'a metadata service of a cloud'
  if (isUnspecified(address) || (address.family === 4 && address.value >> 24n === 0n)) return 'unspecified'
  return undefined
}

type Resolve = (host: string, done: (error: Error | null, addresses: { address: string; family: number }[]) => void) => void
const systemResolve: Resolve = (host, done) => lookup(host, { all: true }, done)

/** Connects to the very addresses that were judged: the name is resolved once. */
function guarded(resolve: Resolve): LookupFunction {
  return (host, options, done) =>
    resolve(host, (error, addresses) => {
      if (error !== null) return done(error, '')
      const allowed = addresses.filter(({ address }) => refusedAddress(address) === undefined)
      const first = allowed[0]
      if (first === undefined) {
        const found = addresses.map(({ address }) => `${address} (${refusedAddress(address)})`).join(', ')
        return done(new Error(`${host} leads to ${found || 'no address'}, which a name may not`), '')
      }
      if (options.all === true) done(null, allowed)
      else done(null, first.address, first.family)
    })
}

export function tcpTarget({ host, port }: TcpTarget, clock: Clock, resolve: Resolve = systemResolve): TunnelTarget {
  // `localhost` is this machine by definition (RFC 6761 section 6.3), not by DNS.
  const isName = parseAddress(host) === undefined && host !== 'localhost'
  return ({ signal }) =>
    new Promise((resolvePromise, reject) => {
      const socket: Socket = connect({
        ...{ host: host === 'localhost' ? '127.0.0.1' : host, port, allowHalfOpen: true, noDelay: true },
        ...(isName ? { lookup: guarded(resolve) } : {}),
      })
      const fail = (error: Error): void => {
        stopWaiting()
        socket.on('error', () => {
          // It is being destroyed; the first error is the one that counts.
        })
        socket.destroy()
        reject(error)
      }
      const unreachable = (error: unknown): void =>
        fail(new TunnelError('TargetUnreachable', `the target does not answer: ${messageOf(error)}`, error))
      const timer = clock.setTimer(tunnelLimits.targetConnectMs, () => unreachable(new Error('no connection in time')))
      const onAbort = (): void => fail(signal.reason as Error)
      const stopWaiting = (): void => {
        timer.cancel()
        signal.removeEventListener('abort', onAbort)
        socket.off('error', unreachable).off('connect', onConnect)
      }
      const onConnect = (): void => {
        stopWaiting()
        // Until the stream takes it over, in the same turn.
        socket.on('error', () => {
          // splice() hears of it as well.
        })
        resolvePromise((stream) => splice(stream, socket))
      }
      socket.on('error', unreachable)
      socket.on('connect', onConnect)
      signal.addEventListener('abort', onAbort, { once: true })
      if (signal.aborted) onAbort()
    })
}
