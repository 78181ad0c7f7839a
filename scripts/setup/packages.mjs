// node_modules: installed by the pinned Node's npm run, from the lock file alone, without install scripts.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findNpm } from './node.mjs'
import { runQuietly } from './process.mjs'
import { SetupError, step } from './progress.mjs'

const stampName = 'node_modules/.moorline-setup'

/** Changes when anything that decides the content of node_modules does. */
export function expectedStamp(root, nodeVersion) {
  return createHash('sha256')
    .update(nodeVersion)
    .update('\0')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
}

export function isInstalled(root, stamp) {
  try {
    return readFileSync(join(root, stampName), 'utf8').trim() === stamp
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return false
    throw error
  }
}

export async function install(root, node, stamp) {
  await step('installing packages (npm ci)', async () => {
    const npm = findNpm()
    const result = await runQuietly(node, [npm, 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: root,
      env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` },
    })
    if (result.code !== 0) {
      throw new SetupError(
        `npm ci failed with exit code ${result.code}:\n${result.output}`,
        'Correct what npm names, then run the same command again.',
      )
    }
    // Written last: an interrupted installation has no stamp and is done again.
    writeFileSync(join(root, stampName), `${stamp}\n`)
  })
}
