// How the test bed runs programs: in this namespace, in one of its own network namespaces, or in a chroot. Never by a shell string.
import { type CommandOptions, runCommand, tryCommand } from '#scripts/dev/command.ts'
import { type Bed, namespaceOf } from './bed.ts'

export const run = (program: string, ...args: string[]): Promise<string> => runCommand(program, args)

/**
 * Only the network changes: `ip netns exec` would also hide /sys/fs/cgroup. Addresses of the bed are never used outside its namespaces: the
 * machine has no route to them, so that packets would leave by its own interface.
 */
export function inNamespace(bed: Bed, part: string, command: readonly string[]): string[] {
  return ['nsenter', `--net=/run/netns/${namespaceOf(bed, part)}`, '--', ...command]
}

export function runIn(bed: Bed, part: string, command: readonly string[], options: CommandOptions = {}): Promise<string> {
  const [program = '', ...args] = inNamespace(bed, part, command)
  return runCommand(program, args, options)
}

export function tryIn(bed: Bed, part: string, command: readonly string[], options: CommandOptions = {}) {
  const [program = '', ...args] = inNamespace(bed, part, command)
  return tryCommand(program, args, options)
}

/** Says what goes on and how long it took; the bed's longest steps take minutes. */
export async function step<T>(bed: Bed, title: string, work: () => Promise<T>): Promise<T> {
  const startedMs = performance.now()
  bed.print(`${title} …`)
  const result = await work()
  bed.print(`${title}: ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
  return result
}
