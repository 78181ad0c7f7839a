// Versions of the container runtime and the kubelet, asked from the programs themselves with a time limit.
import type { Host } from '#agent/host/types.ts'

const timeoutMs = 5_000

/** The kubelet's `1.31.2`; undefined when it is not installed or does not answer. */
export async function readKubeletVersion(host: Host): Promise<string | undefined> {
  const { stdout, exitCode } = await host.run('kubelet', ['--version'], { timeoutMs })
  return exitCode === 0 ? /v(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1] : undefined
}

/** The first runtime that is installed, in the order in which kubeadm looks for their sockets. */
export async function readRuntime(host: Host): Promise<{ name: string; version: string } | undefined> {
  for (const [program, name] of [
    ['containerd', 'containerd'],
    ['crio', 'cri-o'],
    ['docker', 'docker'],
  ] as const) {
    const { stdout, exitCode } = await host.run(program, ['--version'], { timeoutMs })
    const version = exitCode === 0 ? /\bv?(\d+\.\d+\.\d+[^\s,]*)/.exec(stdout)?.[1] : undefined
    if (version !== undefined) return { name, version }
  }
  return undefined
}
