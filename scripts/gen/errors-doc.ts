import { agentErrorCatalogue } from '#shared/errors/agent-catalogue.ts'
import { errorCatalogue } from '#shared/errors/catalogue.ts'
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
