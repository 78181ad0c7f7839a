import { optionRecords, stateDirOption } from '#agent/config/options.ts'
import { code, table } from './section.ts'

export function agentSettings(): string {
  const records = [{ ...stateDirOption, name: '' }, ...optionRecords]
  return table(
    ['flag', 'environment', 'config.json', 'meaning'],
    records.map(({ flag, env, name, description }) => [flag ? code(`--${flag}`) : '', code(env), code(name), description]),
  )
}
