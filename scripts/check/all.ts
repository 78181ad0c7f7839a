// npm run check [-- STEP…]: everything that can be said about the code without running it. One list, each step with its time.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { tryCommand } from '#scripts/dev/command.ts'
import { paint } from '#scripts/dev/paint.ts'
import { repositoryRoot } from '#scripts/dev/root.ts'
import { baseline } from '#scripts/gen/outputs.ts'
import { checkDockerfiles } from './dockerfiles.ts'
import { checkHabits } from './habits.ts'
import { checkImports } from './import-rules.ts'
import { readSources } from './sources.ts'
import { staleOutputs } from './steps/generated.ts'
import { refusedLicences, shippedPackages } from './steps/licences.ts'
import { lint, lintFolders } from './steps/lint.ts'

interface Step {
  name: string
  /** Fast enough for every commit. */
  isFast?: boolean
  /** Findings, one a line; none is a pass. Throwing is a failure too. */
  run(): Promise<string[]>
}

const steps: readonly Step[] = [
  { name: 'types', run: () => tool('tsc', ['-p', '.']) },
  { name: 'types of the dashboard', run: () => tool('tsc', ['-p', 'hub/web/tsconfig.json']) },
  { name: 'lint', isFast: true, run: async () => ((result) => (result.isClean ? [] : [result.text]))(await lint(lintFolders)) },
  { name: 'format', isFast: true, run: () => tool('biome', ['format', '--max-diagnostics=20']) },
  { name: 'import directions', isFast: true, run: importDirections },
  { name: 'habits', isFast: true, run: async () => (await readSources()).flatMap(checkHabits) },
  { name: 'generated files', run: async () => (await staleOutputs()).map((path) => `${path} is stale: run npm run gen and commit it`) },
  { name: 'wire: lint', isFast: true, run: () => tool('buf', ['lint']) },
  { name: 'wire: compatible with the baseline', isFast: true, run: () => tool('buf', ['breaking', '--against', baseline]) },
  { name: 'dead files and exports', run: () => tool('knip', ['--no-progress']) },
  { name: 'licences', run: licences },
  { name: 'Dockerfiles', isFast: true, run: checkDockerfiles },
]

const [...names] = process.argv.slice(2)
const isFastOnly = names[0] === '--fast'
const chosen = steps.filter((step) => (isFastOnly ? step.isFast : names.length === 0 || names.includes(step.name)))
let failed = 0
for (const step of chosen) {
  const startedMs = performance.now()
  const findings = await step.run().catch((error: unknown) => [error instanceof Error ? (error.stack ?? error.message) : String(error)])
  const seconds = `${((performance.now() - startedMs) / 1000).toFixed(1)} s`
  console.log(`${findings.length === 0 ? paint.green('✔') : paint.red('✖')} ${step.name} ${paint.dim(seconds)}`)
  for (const finding of findings) console.log(finding.replace(/^/gm, '    '))
  if (findings.length > 0) failed++
}
console.log(`${chosen.length - failed} passed, ${failed} failed`)
process.exit(failed > 0 || chosen.length === 0 ? 1 : 0)

async function tool(program: string, args: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await tryCommand(program, args)
  return code === 0 ? [] : [(stdout + stderr).trim() || `${program} ended with exit code ${code}`]
}

async function importDirections(): Promise<string[]> {
  return (await readSources()).flatMap(checkImports).map(({ path, specifier, rule }) => `${path} imports ${specifier}: ${rule}`)
}

async function licences(): Promise<string[]> {
  if (!existsSync(join(repositoryRoot, 'LICENSE'))) return ['LICENSE is missing']
  if ((await shippedPackages()).length === 0) return ['no shipped packages were found in package-lock.json']
  return (await refusedLicences()).map(
    ({ name, version, licence }) => `${name}@${version} has the licence ${licence}, which is not in the list`,
  )
}
