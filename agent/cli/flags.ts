// Flags of the commands: those of the configuration, from its table, and a few of each command's own.
import { parseArgs, type ParseArgsConfig } from 'node:util'
import { optionRecords, stateDirOption } from '#agent/config/options.ts'
import type { Flags } from '#agent/config/config.ts'
import { OperatorError } from '#shared/errors/api-error.ts'

export type OwnFlags = NonNullable<ParseArgsConfig['options']>

/** @throws OperatorError UsageInvalid */
export function parseFlags(command: string, argv: readonly string[], own: OwnFlags = {}): Flags {
  const shared = Object.fromEntries(
    optionRecords.flatMap(({ flag, isList }) =>
      flag === undefined ? [] : [[flag, { type: 'string', ...(isList ? { multiple: true } : {}) }]],
    ),
  ) as OwnFlags
  const options: OwnFlags = { ...shared, [stateDirOption.flag]: { type: 'string' }, help: { type: 'boolean', short: 'h' }, ...own }
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values as Flags
  } catch (error) {
    throw new OperatorError(
      'UsageInvalid',
      `${command}: ${(error as Error).message}`,
      `\`moorline-agent ${command} --help\` lists the flags.`,
    )
  }
}

export function settingsHelp(): string {
  const lines = [
    ...optionRecords.map(({ flag, env, description }) => [flag === undefined ? '' : `--${flag}`, env, description] as const),
    [`--${stateDirOption.flag}`, stateDirOption.env, `${stateDirOption.description} Default ${stateDirOption.default}.`] as const,
  ]
  return lines.map(([flag, env, description]) => `  ${flag.padEnd(15)} ${env.padEnd(22)} ${description}\n`).join('')
}
