// Values on their way into a generated shell script. Each one has to match its grammar, and is then single-quoted as well: inside
// single quotes a POSIX shell interprets nothing, and none of the grammars allows a single quote.
import { OperatorError } from '#shared/errors/api-error.ts'

const hostName = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}(?:\\.[A-Za-z0-9-]{1,63})*)'

export const grammars = {
  url: new RegExp(`^https://(?:${hostName}|\\[[0-9A-Fa-f:.]{2,45}\\])(?::[0-9]{1,5})?$`),
  hostPort: new RegExp(`^(?:${hostName}|\\[[0-9A-Fa-f:.]{2,45}\\]):[0-9]{1,5}$`),
  pin: /^[A-Za-z0-9+/]{43}=$/,
  base64: /^[A-Za-z0-9+/]{4,32768}={0,2}$/,
  sha256: /^[0-9a-f]{64}$/,
  version: /^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$/,
  token: /^[A-Za-z0-9_-]{16,256}$/,
  path: /^\/[A-Za-z0-9._/-]{1,255}$/,
  artifact: /^moorline-agent-linux-[a-z0-9]{1,16}$/,
} as const
export type Grammar = keyof typeof grammars

/** The value, checked and single-quoted. @throws OperatorError ScriptValueInvalid naming the value's role, not the value */
export function quoted(grammar: Grammar, role: string, value: string): string {
  if (!grammars[grammar].test(value)) {
    throw new OperatorError(
      'ScriptValueInvalid',
      `The install script cannot be made: ${role} does not have the form of a ${grammar}.`,
      `Correct ${role} in the hub's configuration.`,
    )
  }
  return `'${value}'`
}
