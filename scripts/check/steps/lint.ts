// oxlint with type information. Folders are always passed: without them it can succeed having looked at nothing.
import { tryCommand } from '#scripts/dev/command.ts'

export const lintFolders = ['hub', 'agent', 'shared', 'scripts', 'test'] as const

export interface LintResult {
  isClean: boolean
  text: string
}

/** `paths` are files or folders, from `cwd`; the configuration is always the repository's own. */
export async function lint(paths: readonly string[], options: { cwd?: string; config?: string } = {}): Promise<LintResult> {
  const args = ['--type-aware', '--format', 'unix', '--deny-warnings', ...(options.config ? ['--config', options.config] : []), ...paths]
  const { code, stdout, stderr } = await tryCommand('oxlint', args, { cwd: options.cwd })
  return { isClean: code === 0, text: (stdout + stderr).trim() }
}
