// The real hub, kubectl apply and a backup: no file of the data directory, no row and no line of the log holds a secret in clear.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { kubectl } from '#test/helpers/kubectl.ts'
import { startTestHub } from '#test/helpers/hub.ts'
import { repositoryRoot } from '#test/helpers/paths.ts'
import { startProgram } from '#test/helpers/processes.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'

const canaries = ['canary-first-password', 'canary-second-password', 'canary-token-in-json', 'canary-refused', 'canary-unknown-field']

const manifest = (password: string, more: object = {}) =>
  JSON.stringify({
    ...{ apiVersion: 'moorline.dev/v1alpha1', kind: 'Credential', metadata: { name: 'one' } },
    spec: { type: 'Password', description: 'for the proxy', data: { username: 'ann', password, ...more } },
  })

async function filesWith(directory: string, texts: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const bytes = await readFile(path)
    for (const text of texts)
      for (const form of [text, Buffer.from(text).toString('base64').replace(/=+$/, ''), Buffer.from(text).toString('hex')])
        if (bytes.includes(form)) found.push(`${path}: ${form}`)
  }
  return found
}

test('kubectl apply, edit by patch, refusals, deletion and backup leave no secret in any file', async (t) => {
  const directory = await tempDir(t)
  const dataDir = join(directory, 'data')
  const hub = await startTestHub(t, { dataDir, args: ['--log-level', 'debug'] })
  const run = (stdin: string, ...args: string[]) => kubectl(hub.kubeconfig, args, { stdin })
  const said: string[] = []
  const apply = async (text: string, ...args: string[]) => {
    const result = await run(text, 'apply', '--validate=false', '-f', '-', ...args)
    said.push(result.stdout, result.stderr)
    return result
  }
  t.regex((await apply(manifest('canary-first-password'))).stdout, /credential.* created/)
  const shown = await run('', 'get', 'credential', 'one', '-o', 'json')
  const first = JSON.parse(shown.stdout) as { spec: { data: object }; status: { fingerprint: string }; metadata: { generation: number } }
  t.deepEqual(first.spec.data, { username: '(sealed)', password: '(sealed)' })
  said.push(shown.stdout)

  t.is((await apply(manifest('canary-first-password'))).code, 0)
  const again = JSON.parse((await run('', 'get', 'credential', 'one', '-o', 'json')).stdout) as typeof first
  t.is(again.status.fingerprint, first.status.fingerprint, 'the same secret applied again is no change')
  t.is(again.metadata.generation, first.metadata.generation)
  t.is((await apply(manifest('canary-second-password', { extra: 'canary-unknown-field' }), '--server-side=false')).code, 0)
  t.is((await apply(manifest('canary-refused', { token: 'canary-refused' }))).code, 1)
  t.is((await apply(manifest('canary-refused'), '--dry-run=server')).code, 0)
  await run('', 'patch', 'credential', 'one', '--type=merge', '-p', '{"spec":{"data":{"password":"canary-token-in-json"}}}')
  const withoutName = JSON.stringify({ ...(JSON.parse(manifest('canary-token-in-json')) as object), spec: undefined })
  said.push((await run(withoutName, 'create', '-f', '-')).stderr)
  for (const output of ['wide', 'yaml']) said.push((await run('', 'get', 'credentials', '-o', output)).stdout)

  const program = await startProgram(
    t,
    process.execPath,
    ['hub/main.ts', 'backup', '--data', dataDir, '--to', join(directory, 'backup.db')],
    {
      cwd: repositoryRoot,
    },
  )
  t.is((await program.exited).code, 0)
  t.regex(program.stdout(), /credentials\.key are not in it/)
  t.is((await run('', 'delete', 'credential', 'one')).code, 0)
  said.push(hub.program().stdout(), hub.program().stderr())
  t.deepEqual(await filesWith(directory, canaries), [])
  for (const canary of canaries) t.false(said.join('\n').includes(canary), canary)
  await hub.kill()
  t.deepEqual(await filesWith(directory, canaries), [], 'not in the write-ahead log either')
})
