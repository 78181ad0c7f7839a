import { agentErrorCatalogue } from '#shared/errors/agent-catalogue.ts'
import { errorCatalogue } from '#shared/errors/catalogue.ts'
import { databaseErrorCatalogue } from '#shared/errors/database-catalogue.ts'
import { dialErrorCatalogue } from '#shared/errors/dial-error.ts'
import { operatorErrorCatalogue } from '#shared/errors/operator-catalogue.ts'
import { terminalReasons } from '#shared/errors/terminal-reason.ts'
import { tunnelErrorCatalogue } from '#shared/errors/tunnel-error.ts'
import { taskEndReasons, taskWaitReasons, type TaskReason } from '#shared/errors/task-reasons.ts'
import { code, table } from './section.ts'

const retry = (isRetryable: boolean) => (isRetryable ? 'yes' : 'no')

export function apiErrors(): string {
  return table(
    ['code', 'status', 'reason', 'try again', 'meaning', 'what to do next'],
    Object.entries(errorCatalogue).map(([name, entry]) => [
      code(name),
      String(entry.status),
      entry.reason,
      retry(entry.isRetryable),
      entry.summary,
      entry.next,
    ]),
  )
}

export function agentErrors(): string {
  return table(
    ['code', 'tried again by itself', 'meaning', 'what to do next'],
    Object.entries(agentErrorCatalogue).map(([name, entry]) => [code(name), retry(entry.isRetryable), entry.summary, entry.next]),
  )
}

export function operatorErrors(): string {
  return table(
    ['code', 'said by', 'meaning', 'what to do next'],
    Object.entries(operatorErrorCatalogue).map(([name, entry]) => [code(name), entry.program, entry.summary, entry.next]),
  )
}

export function databaseErrors(): string {
  return table(
    ['code', 'starting again may help', 'meaning', 'what to do next'],
    Object.entries(databaseErrorCatalogue).map(([name, entry]) => [code(name), retry(entry.isRetryable), entry.summary, entry.next]),
  )
}

export function tunnelErrors(): string {
  return table(
    ['code', 'try again', 'meaning', 'what to do next'],
    Object.entries(tunnelErrorCatalogue).map(([name, entry]) => [code(name), retry(entry.isRetryable), entry.summary, entry.next]),
  )
}

export function dialErrors(): string {
  return table(
    ['code', 'try again', 'meaning', 'what to do next'],
    Object.entries(dialErrorCatalogue).map(([name, entry]) => [code(name), retry(entry.isRetryable), entry.summary, entry.next]),
  )
}

export function terminalErrors(): string {
  return table(
    ['reason', 'status', 'meaning', 'what to do next'],
    Object.entries(terminalReasons).map(([name, entry]) => [code(name), String(entry.status), entry.summary, entry.next]),
  )
}

const reasons = (catalogue: Readonly<Record<string, TaskReason>>): string =>
  table(
    ['reason', 'meaning', 'what to do next'],
    Object.entries(catalogue).map(([name, entry]) => [code(name), entry.summary, entry.next]),
  )

export const taskEnds = (): string => reasons(taskEndReasons)
export const taskWaits = (): string => reasons(taskWaitReasons)
