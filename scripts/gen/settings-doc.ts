import { optionRecords, stateDirOption } from '#agent/config/options.ts'
import { PolicyFile } from '#agent/config/policy.ts'
import { hubHelp } from '#hub/config/config.ts'
import { describeFields } from './schema-fields.ts'
import { code, table } from './section.ts'

export function agentSettings(): string {
  const records = [{ ...stateDirOption, name: '' }, ...optionRecords]
  return table(
    ['flag', 'environment', 'config.json', 'meaning'],
    records.map(({ flag, env, name, description }) => [flag ? code(`--${flag}`) : '', code(env), code(name), description]),
  )
}

/** Every field of the machine's policy file. */
export function agentPolicy(): string {
  return table(
    ['field', 'type', 'limits', 'meaning'],
    describeFields('', PolicyFile).map(({ path, type, rule, description }) => [code(path.slice(1)), type, rule, description]),
  )
}

/** What the hub's --help prints. */
export const hubSettings = (): string => `\`\`\`text\n${hubHelp().trimEnd()}\n\`\`\``
