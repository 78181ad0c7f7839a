// Probes that are neither a file nor a program: names, resolvers, a TLS service, the latency of a disk.
// They stand beside Host so that a check can be tested without a network.
import { Resolver } from 'node:dns/promises'
import { lookup } from 'node:dns/promises'
import { type InterfaceAddress, platformAddresses } from '#agent/facts/sources/nics.ts'
import type { Host } from './types.ts'
import { type FsyncLimits, type FsyncResult, measureFsync } from './fsync.ts'
import { probeTls, type TlsProbe, type TlsResult } from './tls-probe.ts'

export type { FsyncLimits, FsyncResult } from './fsync.ts'
export type { TlsProbe, TlsResult } from './tls-probe.ts'

export interface ResolverAnswer {
  /** False when nothing came back in time or the port is closed. */
  isAnswered: boolean
  /** `NOERROR`, or c-ares' word: ENOTFOUND is NXDOMAIN, ESERVFAIL, EREFUSED, ETIMEOUT, ECONNREFUSED… */
  code: string
}

export interface Probes {
  addresses(): InterfaceAddress[]
  /** As programs resolve a name (/etc/hosts, then DNS): getaddrinfo(3). Empty when it does not resolve. */
  lookup(name: string): Promise<string[]>
  /** One UDP query for A records of `name` to that server. */
  askResolver(server: string, name: string, timeoutMs: number): Promise<ResolverAnswer>
  tls(probe: TlsProbe): Promise<TlsResult>
  fsync(directory: string, limits: FsyncLimits, signal: AbortSignal): Promise<FsyncResult>
}

/** What a resolver itself says; everything else means that nobody answered. */
const answers = new Set(['ENODATA', 'ENOTFOUND', 'ESERVFAIL', 'EFORMERR', 'ENOTIMP', 'EREFUSED', 'EBADRESP'])

export function createProbes(host: Host): Probes {
  return {
    addresses: platformAddresses,
    async lookup(name) {
      try {
        return (await lookup(name, { all: true })).map(({ address }) => address)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOTFOUND') return []
        throw error
      }
    },
    async askResolver(server, name, timeoutMs) {
      const resolver = new Resolver({ timeout: timeoutMs, tries: 1, maxTimeout: timeoutMs })
      resolver.setServers([server])
      try {
        await resolver.resolve4(name)
        return { isAnswered: true, code: 'NOERROR' }
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
        return { isAnswered: answers.has(code), code }
      }
    },
    tls: probeTls,
    fsync: (directory, limits, signal) => measureFsync(host, directory, limits, signal),
  }
}
