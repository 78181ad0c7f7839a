import { type Check, fail, pass, type Severity } from '../types.ts'

export interface LeftoverOptions {
  severity: Severity
  /** Instead of `rm -rf PATH`. */
  command?: string
}

/** Names that come with a filesystem or an empty installation. */
const harmless = new Set(['lost+found', '.kubernetes-cni-keep'])

export function leftoverDirectory(path: string, { severity, command }: LeftoverOptions): Check {
  return {
    id: `Leftover-${path.slice(1).replaceAll('/', '-')}`,
    group: 'leftovers',
    severity,
    expected: `${path} is absent or empty`,
    source: 'what a former cluster leaves makes the next one fail in odd ways',
    async run({ host }) {
      const names = (await host.list(path))?.filter((name) => !harmless.has(name))
      if (names === undefined) return pass('absent')
      if (names.length === 0) return pass('empty')
      const more = names.length > 4 ? ` and ${names.length - 4} more` : ''
      return fail(`${names.slice(0, 4).join(', ')}${more}`, `\`${command ?? `rm -rf ${path}`}\``)
    },
  }
}
