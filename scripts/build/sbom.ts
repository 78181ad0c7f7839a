import { dirname, delimiter } from 'node:path'
import { runCommand } from '#scripts/dev/command.ts'
import { findNpm } from '#scripts/setup/node.mjs'

/** What is shipped, as SPDX JSON, from the lock file alone. */
export function softwareBill(): Promise<string> {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH']}` }
  const args = ['sbom', '--sbom-format', 'spdx', '--sbom-type', 'application', '--package-lock-only', '--omit', 'dev']
  return runCommand(process.execPath, [findNpm(), ...args], { env })
}
