// kubectl straight at the cluster's API server as its admin, from the switch. Tests of the product go through the hub instead.
import { kubectlPath } from '#scripts/dev/kubectl.ts'
import { type Bed, kubeconfigOf } from './bed.ts'
import { inNamespace, runIn } from './shell.ts'

export interface DirectKubectl {
  command(args: readonly string[]): string[]
  /** @throws Error with what kubectl said */
  run(args: readonly string[], stdin?: string): Promise<string>
}

export async function kubectlFor(bed: Bed): Promise<DirectKubectl> {
  const program = await kubectlPath()
  const own = (args: readonly string[]) => [program, '--kubeconfig', kubeconfigOf(bed), '--cache-dir', `${bed.run}/kubectl`, ...args]
  return {
    command: (args) => inNamespace(bed, 'fabric', own(args)),
    run: (args, stdin) => runIn(bed, 'fabric', own(args), { stdin }),
  }
}

/** One document, which every kubectl reads. */
export const manifestOf = (objects: readonly object[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
