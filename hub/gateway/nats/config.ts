// The text of nats-server's configuration. Only settings that 2.9 knows.
import { limits } from '#shared/contract/limits.ts'

export interface NatsConfigInput {
  operatorJwt: string
  systemAccount: { publicKey: string; jwt: string }
  fleetAccount: { publicKey: string; jwt: string }
  resolverDirectory: string
  pidFile: string
  portsDirectory: string
  maxConnections: number
}

/** Loopback on a port the kernel chooses: agents come in through the hub's one port. */
export function embeddedConfig(input: NatsConfigInput): string {
  return [
    '# Written by the hub at each start of its nats-server; changes are lost.',
    'server_name: moorline-hub',
    'listen: "127.0.0.1:-1"',
    `pid_file: ${JSON.stringify(input.pidFile)}`,
    `ports_file_dir: ${JSON.stringify(input.portsDirectory)}`,
    `max_connections: ${input.maxConnections}`,
    'logtime: false',
    ...commonLines(input),
    '',
  ].join('\n')
}

/** What an operator's own NATS servers need, to be included in their configuration. */
export function externalConfig(input: Omit<NatsConfigInput, 'pidFile' | 'portsDirectory' | 'maxConnections'>): string {
  return [
    '# Include this in the configuration of each server of an external NATS cluster, and give each its own resolver directory.',
    '# The servers present a certificate for nats.fleet.internal and set tls { handshake_first: true } (nats-server 2.10 or newer).',
    ...commonLines(input),
    '',
  ].join('\n')
}

function commonLines(input: Pick<NatsConfigInput, 'operatorJwt' | 'systemAccount' | 'fleetAccount' | 'resolverDirectory'>): string[] {
  return [
    `max_payload: ${limits.natsPayloadBytes}`,
    'max_pending: 4194304',
    // Two missed pings end a half-open connection within 30 s.
    'ping_interval: "10s"',
    'ping_max: 2',
    'write_deadline: "10s"',
    // The default of 2 s ends clients while thousands connect at once.
    'authorization { timeout: 60 }',
    `operator: ${input.operatorJwt}`,
    `system_account: ${input.systemAccount.publicKey}`,
    `resolver { type: full, dir: ${JSON.stringify(input.resolverDirectory)}, allow_delete: false, interval: "2m" }`,
    'resolver_preload {',
    `  ${input.systemAccount.publicKey}: ${input.systemAccount.jwt}`,
    `  ${input.fleetAccount.publicKey}: ${input.fleetAccount.jwt}`,
    '}',
  ]
}
