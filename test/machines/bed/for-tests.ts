// The bed of the test suite. The runner and all that it starts live in the hub's namespace: outside the firewall, with no other network.
import { runCommand } from '#scripts/dev/command.ts'
import { type Bed, bedOf } from './bed.ts'
import { stopDaemon } from './daemon.ts'
import { inNamespace } from './shell.ts'
import { bringUp, readyMachines, takeDown } from './up.ts'

/** Not the one that `npm run testbed` starts: tests break things. */
export const testBed = (print: (line: string) => void = () => undefined): Bed => bedOf({ name: 'mlt', env: process.env, print })

/** One that runs already is used and left running: `npm run testbed -- up --name mlt` spares those who write tests the wait. */
export async function startTestBed(print: (line: string) => void): Promise<{ prefix: string[]; release(): Promise<void> }> {
  if (process.getuid?.() !== 0) throw new Error('the suite machines needs root: it makes namespaces, mounts and cgroups')
  // Whatever Debian packages the test bed needs are there after its first command.
  await runCommand(process.execPath, ['scripts/setup/run.mjs', 'scripts/dev/testbed.ts', '--help'])
  const bed = testBed(print)
  const isOurs = (await readyMachines(bed)) === undefined
  try {
    await bringUp(bed)
    // That of `npm run testbed -- up` has the port on which the tests' hubs listen.
    await stopDaemon(bed, 'relay')
  } catch (error) {
    await takeDown(bed)
    throw error
  }
  return { prefix: inNamespace(bed, 'hub', []), release: async () => (isOurs ? takeDown(bed) : undefined) }
}
