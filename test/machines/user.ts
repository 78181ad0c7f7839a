// A user of the hub with one role for a cluster, and that user's kubectl on the cluster.
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AccessToken, RoleName } from '#shared/contract/access.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import { kubectl, type KubectlMinor, kubectlPath, type KubectlResult } from '#test/helpers/kubectl.ts'
import { type Program, startProgram } from '#test/helpers/processes.ts'
import { list, type Site } from '#test/integration/site.ts'

/** kubectl of one user on the cluster, through the hub. */
export interface ClusterUser {
  kubeconfig: string
  token: string
  try(args: readonly string[], options?: { minor?: KubectlMinor; stdin?: string | Buffer; timeoutMs?: number }): Promise<KubectlResult>
  /** @throws Error unless kubectl ended with 0 */
  run(args: readonly string[], options?: { minor?: KubectlMinor; stdin?: string | Buffer; timeoutMs?: number }): Promise<string>
  /** One that goes on. */
  start(
    owner: { teardown(run: () => Promise<void>): void },
    args: readonly string[],
    options?: { minor?: KubectlMinor; stdin?: 'pipe' | 'ignore' },
  ): Promise<Program>
  /** The words of a command line, for what wraps it. */
  words(args: readonly string[], minor?: KubectlMinor): Promise<string[]>
}

/** The user is called `u-ROLE`. */
export async function createUser(site: Site, clusterName: string, role: RoleName): Promise<ClusterUser> {
  const user = `u-${role}`
  const name = `${clusterName}-${user}`
  const binding = { role, clusterRef: clusterName, subjects: [{ kind: 'User', name: user }] }
  await site.apply({ apiVersion, kind: 'AccessBinding', metadata: { name }, spec: binding })
  const object = { apiVersion, kind: 'AccessToken', metadata: { name }, spec: { user } }
  const created = await site.tryKubectl(['create', '-f', '-', '-o', 'json'], list([object]))
  const token = (JSON.parse(created.stdout) as AccessToken).status?.token ?? ''
  const answer = await site.client().ask('GET', `/apis/${apiVersion}/clusters/${clusterName}/kubeconfig`, { token })
  const kubeconfig = join(site.directory, `${name}.kubeconfig`)
  await writeFile(kubeconfig, answer.text)
  await chmod(kubeconfig, 0o600)
  const words = async (args: readonly string[], minor?: KubectlMinor) => [
    await kubectlPath(minor),
    ...['--kubeconfig', kubeconfig, '--cache-dir', `${kubeconfig}.${minor ?? 31}.cache`, ...args],
  ]
  const self: ClusterUser = {
    ...{ kubeconfig, token, words },
    try: (args, { minor, stdin, timeoutMs = 120_000 } = {}) => kubectl(kubeconfig, args, { minor, stdin, timeoutMs }),
    async run(args, runOptions) {
      const { code, stdout, stderr } = await self.try(args, runOptions)
      if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}${stdout.slice(-1000)}`)
      return stdout
    },
    async start(owner, args, { minor, stdin } = {}) {
      const [program = '', ...rest] = await words(args, minor)
      return startProgram(owner, program, rest, { stdin, env: { ...process.env, HOME: '/nonexistent', KUBECONFIG: '' } })
    },
  }
  return self
}
