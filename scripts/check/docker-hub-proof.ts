// Runs inside a network namespace with loopback only: starts the hub as the image does and asks it over its port.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { openAdminApi } from '#scripts/dev/start/admin-api.ts'
import { pollUntil } from '#scripts/dev/poll.ts'

const [folder = '', workdir = '', state = '', user = '', ...entry] = process.argv.slice(2)
const port = 8443
const limitMs = 60_000

const [program = '', ...args] = entry
const path = process.env['PATH']
const child = spawn(
  'setpriv',
  ['--reuid', user, '--regid', user, '--clear-groups', '--no-new-privs', '--', program === 'node' ? process.execPath : program, ...args],
  {
    cwd: join(folder, workdir),
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { PATH: path, NODE_ENV: 'production', MOORLINE_DATA: state, MOORLINE_LISTEN: `0.0.0.0:${port}` },
  },
)
const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
try {
  const api = await pollUntil('the kubeconfig', limitMs, () => openAdminApi(join(state, 'admin.kubeconfig')))
  await pollUntil('/readyz', limitMs, async () => (await api.probe('/readyz')).status === 200)
  const page = await api.probe('/')
  if (page.status !== 200 || !page.body.includes('<script')) throw new Error(`the dashboard answered ${page.status}`)
} finally {
  child.kill('SIGTERM')
}
const code = await ended
if (code !== 0) throw new Error(`the hub ended with ${code} after SIGTERM`)
