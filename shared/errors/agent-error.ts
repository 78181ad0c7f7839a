import { type AgentErrorCode, agentErrorCatalogue } from './agent-catalogue.ts'
import { OperatorError } from './api-error.ts'

/** An OperatorError whose code and next step come from the agent's catalogue. */
export class AgentError extends OperatorError {
  declare readonly code: AgentErrorCode
  constructor(code: AgentErrorCode, message: string, cause?: unknown) {
    super(code, message, agentErrorCatalogue[code].next, cause)
    this.name = 'AgentError'
  }
  get isRetryable(): boolean {
    return agentErrorCatalogue[this.code].isRetryable
  }
}

/** One sentence of any thrown value, for logs and status. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message || error.name : String(error)
}
