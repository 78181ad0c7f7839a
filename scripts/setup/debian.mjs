// Debian packages: the list is debian-packages.json beside this file. As root they are installed; anybody else gets the command.
import { accessSync, constants, existsSync, readFileSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { runQuietly } from './process.mjs'
import { SetupError, step } from './progress.mjs'

const packages = JSON.parse(readFileSync(new URL('debian-packages.json', import.meta.url), 'utf8'))

/** The packages that `command` needs and whose program is nowhere in `path`. */
export function missingPackages(command, path = process.env.PATH ?? '') {
  const folders = [...path.split(delimiter).filter(Boolean), '/usr/sbin', '/sbin']
  return Object.entries(packages)
    .filter(([, entry]) => entry.neededBy.includes(command) && !folders.some((folder) => isExecutable(join(folder, entry.program))))
    .map(([name]) => name)
}

export async function installMissing(command) {
  const missing = missingPackages(command)
  if (missing.length === 0) return
  const reasons = missing.map((name) => `${name} (${packages[name].why})`).join(', ')
  const install = `apt-get install -y --no-install-recommends ${missing.join(' ')}`
  if (!existsSync('/usr/bin/apt-get')) {
    throw new SetupError(`Programs are missing: ${reasons}.`, `Install them with this system's package manager; on Debian: ${install}`)
  }
  if (process.getuid() !== 0) throw new SetupError(`Debian packages are missing: ${reasons}.`, `Run: sudo ${install}`)
  await step(`installing Debian packages: ${missing.join(' ')}`, async () => {
    // A package that brings a service would start it and take its port; we run the programs as children of our own.
    const units = existsSync('/run/systemd/system') ? missing.map((name) => `${packages[name].program}.service`) : []
    if (units.length > 0) await runQuietly('systemctl', ['mask', '--runtime', ...units])
    try {
      if (!hasPackageLists()) await apt(['update'])
      const first = await tryApt(install.split(' ').slice(1))
      if (first.code !== 0) {
        // Old lists name versions that the mirror no longer has.
        await apt(['update'])
        await apt(install.split(' ').slice(1))
      }
    } finally {
      if (units.length > 0) {
        await runQuietly('systemctl', ['unmask', '--runtime', ...units])
        await runQuietly('systemctl', ['disable', ...units])
      }
    }
  })
  const still = missingPackages(command)
  if (still.length > 0)
    throw new SetupError(
      `apt-get succeeded but these programs are still not in PATH: ${still.map((name) => packages[name].program).join(', ')}.`,
      `Look at: ${install}`,
    )
}

const tryApt = (args) =>
  runQuietly('apt-get', ['-o', 'DPkg::Lock::Timeout=120', ...args], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })

async function apt(args) {
  const result = await tryApt(args)
  if (result.code !== 0) {
    throw new SetupError(
      `apt-get ${args.join(' ')} failed with exit code ${result.code}:\n${result.output}`,
      'Correct what apt-get names, then try again.',
    )
  }
}

function hasPackageLists() {
  try {
    return readdirSync('/var/lib/apt/lists').some((name) => name.includes('_Packages'))
  } catch (error) {
    if (error.code === 'ENOENT') return false
    throw error
  }
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    // Not there or not ours to run: either way it has to be installed.
    return false
  }
}
