import { execFile } from 'node:child_process'
import { type KubectlMinor, kubectlPath } from '#scripts/dev/kubectl.ts'

export { type KubectlMinor, kubectlPath }

export interface KubectlResult {
  code: number
  stdout: string
  stderr: string
}

/** Runs the unmodified kubectl and never rejects for its exit code. A discovery cache of its own keeps tests apart. */
export async function kubectl(
  kubeconfig: string,
  args: readonly string[],
  options: { stdin?: string | Buffer; timeoutMs?: number; minor?: KubectlMinor } = {},
): Promise<KubectlResult> {
  const program = await kubectlPath(options.minor)
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      ['--kubeconfig', kubeconfig, '--cache-dir', `${kubeconfig}.cache`, ...args],
      { timeout: options.timeoutMs ?? 60_000, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, HOME: '/nonexistent', KUBECONFIG: '' } },
      (error, stdout, stderr) => {
        if (error && typeof error.code !== 'number') reject(new Error(`kubectl ${args.join(' ')}: ${error.message}`, { cause: error }))
        else resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
      },
    )
    // One that ends without reading it says why by its exit code.
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.stdin ?? '')
  })
}
