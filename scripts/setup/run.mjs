// Puts in place what a command needs, then becomes that command under the pinned Node. Plain JavaScript without
// dependencies: it is what runs on a machine that has nothing but Node ≥ 20 and npm.
//
//   node scripts/setup/run.mjs [script.ts [arguments…]]
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installMissing, missingPackages } from './debian.mjs'
import { withLock } from './lock.mjs'
import { cachedNode, installedNode, pinnedNodeVersion } from './node.mjs'
import { expectedStamp, install, isInstalled } from './packages.mjs'
import { become } from './process.mjs'
import { SetupError } from './progress.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

/** start, hub, agent, test, check, build, bench, gen, setup: the word that debian-packages.json uses. */
function commandOf(script) {
  if (!script) return 'setup'
  const name = basename(script).replace(/\.m?[jt]s$/, '')
  return name === 'all' || name === 'main' ? basename(dirname(script)) : name
}

async function prepare(command) {
  const version = pinnedNodeVersion(root)
  const stamp = expectedStamp(root, version)
  const isReady = () => isInstalled(root, stamp) && installedNode(root, version) && missingPackages(command).length === 0
  if (isReady()) return
  const onWait = () => process.stderr.write('setup: another setup of this folder is running; waiting for it …\n')
  await withLock(root, onWait, async () => {
    if (!isInstalled(root, stamp) || !installedNode(root, version)) await install(root, await cachedNode(root, version), stamp)
    await installMissing(command)
  })
}

const [script, ...args] = process.argv.slice(2)
try {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    throw new SetupError(`Node ${process.versions.node} is too old to set Moorline up.`, 'Install Node 20 or newer, then try again.')
  }
  if (script && !existsSync(join(root, script))) {
    throw new SetupError(`${script} does not exist in ${root}.`, 'Run one of the npm scripts that package.json lists.')
  }
  await prepare(commandOf(script))
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  process.stderr.write(`setup: ${error.message}\nnext:  ${error.next}\n`)
  process.exit(1)
}
if (script) {
  const bin = join(root, 'node_modules/.bin')
  // Modules that are compiled once need not be compiled by each process: a hub starts in half the time.
  const compiled = process.env.NODE_COMPILE_CACHE ?? join(root, '.cache/compiled')
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, NODE_COMPILE_CACHE: compiled }
  become(installedNode(root, pinnedNodeVersion(root)), [join(root, script), ...args], { env })
} else {
  process.stderr.write('setup: everything is in place\n')
}
