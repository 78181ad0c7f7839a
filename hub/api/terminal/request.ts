// What a request for a terminal asks for: the query of Kubernetes' exec, and a WebSocket subprotocol that both sides know.
import type { IncomingMessage } from 'node:http'
import { terminalLimits } from '#shared/contract/terminal.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { isTrue } from '../http/guard.ts'
import type { TerminalRequest } from '#hub/terminal/session.ts'

/**
 * Kubernetes' own, and that of the dashboard: the same channels as v5, with acknowledgements of what was shown, and with every refusal of
 * the machine on the error channel, because a page is not told the answer of a failed upgrade.
 */
export const ownProtocol = 'v1.terminal.moorline.dev'
export const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io', ownProtocol] as const
export type TerminalProtocol = (typeof protocols)[number]

const defaults = { columns: 80, rows: 24, term: 'xterm-256color' } as const

export interface Asked {
  request: TerminalRequest
  protocol: TerminalProtocol
  /** Whether output of this stream is wanted. */
  wants: { stdout: boolean; stderr: boolean }
}

/** @throws ApiError BadRequest */
export function readRequest(message: IncomingMessage): Asked {
  if (message.method !== 'GET' || message.headers.upgrade?.toLowerCase() !== 'websocket')
    throw new ApiError('BadRequest', 'a terminal is opened with a WebSocket upgrade; SPDY is not spoken here')
  const offered = (message.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  const protocol = offered.map((name) => protocols.find((known) => known === name)).find((known) => known !== undefined)
  if (!protocol) throw new ApiError('BadRequest', `Sec-WebSocket-Protocol must name one of ${protocols.join(', ')}`)
  const query = new URLSearchParams((message.url ?? '').split('?', 2)[1] ?? '')
  const is = (name: string) => isTrue(query.get(name) ?? undefined)
  const tty = is('tty')
  const wants = { stdout: is('stdout'), stderr: is('stderr') && !tty }
  const stdin = is('stdin')
  if (!stdin && !wants.stdout && !wants.stderr)
    throw new ApiError('BadRequest', 'at least one of stdin, stdout and stderr must be asked for')
  const command = query.getAll('command')
  const bytes = command.reduce((sum, part) => sum + Buffer.byteLength(part), 0)
  if (command.length > terminalLimits.commandItems || bytes > terminalLimits.commandBytes)
    throw new ApiError('BadRequest', `a command has at most ${terminalLimits.commandItems} parts and ${terminalLimits.commandBytes} bytes`)
  if (command.some((part) => part.includes('\0')) || command[0] === '')
    throw new ApiError('BadRequest', 'command has an empty program or NUL')
  const term = query.get('term') ?? defaults.term
  if (!/^[A-Za-z0-9][A-Za-z0-9._+-]{0,31}$/.test(term)) throw new ApiError('BadRequest', 'term is not the name of a terminal')
  const size = { columns: number(query, 'columns', terminalLimits.columns), rows: number(query, 'rows', terminalLimits.rows) }
  return { protocol, wants, request: { ...{ command, tty, stdin, term }, ...size } }
}

function number(query: URLSearchParams, name: 'columns' | 'rows', most: number): number {
  const text = query.get(name)
  if (text === null) return defaults[name]
  const value = Number(text)
  if (!/^[0-9]{1,4}$/.test(text) || value < 1 || value > most) throw new ApiError('BadRequest', `${name} must be 1 to ${most}`)
  return value
}
