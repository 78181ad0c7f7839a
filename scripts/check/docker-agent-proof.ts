// Runs the agent's file as the image's user with an empty environment.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const [folder = '', workdir = '', , user = '', entry = ''] = process.argv.slice(2)
const result = spawnSync(
  'setpriv',
  ['--reuid', user, '--regid', user, '--clear-groups', '--no-new-privs', '--', join(folder, entry), '--version'],
  {
    cwd: join(folder, workdir),
    env: {},
    encoding: 'utf8',
  },
)
if (result.status !== 0 || !/^moorline-agent \d+\.\d+\.\d+/.test(result.stdout)) {
  throw new Error(`moorline-agent --version ended with ${result.status}: ${result.stdout}${result.stderr}`)
}
