// How a terminal ended, or why there is none, as the Status that kubectl and other clients of Kubernetes understand.
import type { TerminalEnded } from '#shared/contract/terminal.ts'
import { type TerminalError, terminalReasons } from '#shared/errors/terminal-reason.ts'
import { TunnelError } from '#shared/errors/tunnel-error.ts'
import { type KubeFailure, statusBody } from '#shared/kubernetes/status.ts'
import { tunnelFailure } from '../proxy/failure.ts'

/** On the error channel, after the last output. */
export function endStatus({ exitCode, signal, message }: TerminalEnded): string {
  if (exitCode === 0) return JSON.stringify({ metadata: {}, status: 'Success' })
  // A shell says the same of a program that a signal has ended.
  const code =
    exitCode ?? 128 + (signal === 'SIGHUP' ? 1 : signal === 'SIGINT' ? 2 : signal === 'SIGKILL' ? 9 : signal === 'SIGTERM' ? 15 : 0)
  return JSON.stringify({
    ...{ metadata: {}, status: 'Failure', message: `the program ${message}`, reason: 'NonZeroExitCode' },
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  })
}

const words: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  403: 'Forbidden',
  408: 'Timeout',
  409: 'Conflict',
  429: 'TooManyRequests',
}

export function failureOf(error: TerminalError | TunnelError, machine: string): KubeFailure {
  // The same in the words of terminals: what is missing is one part of the policy.
  if (error instanceof TunnelError && error.code !== 'TargetNotAllowed') return tunnelFailure(error, `machine ${machine}`)
  const reason = error instanceof TunnelError ? 'TerminalNotAllowed' : error.reason
  const { status, next } = terminalReasons[reason]
  return {
    code: status,
    reason: words[status] ?? 'ServiceUnavailable',
    message: `machine ${machine}: ${error.message}. ${next}`,
    cause: reason,
  }
}

export const failureBody = (failure: KubeFailure): string => statusBody(failure)
