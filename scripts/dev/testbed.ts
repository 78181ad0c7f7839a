// npm run testbed -- COMMAND: a real Kubernetes cluster behind a firewall, on this machine. docs/register.md walks through it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Bed, bedOf, namespaceOf } from '#test/machines/bed/bed.ts'
import { daemonPid, startDaemon } from '#test/machines/bed/daemon.ts'
import { agentImage } from '#test/machines/bed/images.ts'
import { kubectlFor } from '#test/machines/bed/kubectl.ts'
import { inMachine } from '#test/machines/bed/machine.ts'
import { firewalled, hubAddress, hubPort, setFirewall } from '#test/machines/bed/network.ts'
import { bringUp, readyMachines, takeDown } from '#test/machines/bed/up.ts'
import { repositoryRoot } from './root.ts'

const help = `npm run testbed -- COMMAND [--name NAME]

  up [--workers N]      start the cluster: a control plane c1 and N workers (1); the first time that takes about 20 minutes
  status                what runs
  kubectl -- ARGS       kubectl straight at the cluster, as its admin (the product does not go this way)
  exec MACHINE -- CMD   run a command on a machine, for example: exec c1 -- bash
  cut | join            nothing passes the firewall any more | the hub's one port does again
  down [--cache]        stop and remove everything; with --cache what the first start built as well

What connects to ${hubAddress}:${hubPort} inside reaches port 8443 of this machine's loopback (--hub-port N), where npm start listens.
Caches are in MOORLINE_TESTBED (/var/tmp/moorline-testbed).
`

const split = process.argv.indexOf('--', 2)
const own = process.argv.slice(2, split < 0 ? undefined : split)
const rest = split < 0 ? [] : process.argv.slice(split + 1)
const { values, positionals } = parseArgs({
  args: own,
  allowPositionals: true,
  options: {
    name: { type: 'string', default: 'ml' },
    workers: { type: 'string', default: '1' },
    'hub-port': { type: 'string', default: '8443' },
    cache: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const print = (line: string) => console.log(line)

const commands: Readonly<Record<string, (bed: Bed) => Promise<number>>> = {
  async up(bed) {
    const startedMs = performance.now()
    const machines = await bringUp(bed, { workers: Number(values.workers) })
    await startRelay(bed)
    print(`The cluster is up (${((performance.now() - startedMs) / 1000).toFixed(0)} s): ${machines.map(({ name }) => name).join(', ')}.`)
    print(`It reaches nothing but ${hubAddress}:${hubPort}, which leads to 127.0.0.1:${values['hub-port']} of this machine.`)
    print(`next: npm start -- --agent-url https://${hubAddress}:${hubPort} --agent-image ${agentImage}`)
    return 0
  },
  async status(bed) {
    const machines = await readyMachines(bed)
    print(machines ? `up: ${machines.map(({ name }) => name).join(', ')}` : 'not up')
    if (!machines) return 1
    return become((await kubectlFor(bed)).command(['get', 'nodes,pods', '--all-namespaces', '-o', 'wide']))
  },
  kubectl: async (bed) => become((await kubectlFor(bed)).command([...positionals.slice(1), ...rest])),
  exec: async (bed) => become(await inMachine(bed, positionals[1] ?? '', rest.length > 0 ? rest : ['bash'])),
  async cut(bed) {
    await setFirewall(bed, { ...firewalled, exit: 'cut' })
    print('The cable to the world outside is cut. npm run testbed -- join plugs it in again.')
    return 0
  },
  async join(bed) {
    await setFirewall(bed, firewalled)
    print("The hub's one port is reachable again.")
    return 0
  },
  async down(bed) {
    await takeDown(bed)
    if (values.cache) await rm(bed.cache, { recursive: true, force: true })
    print('Nothing of the test bed is left running.')
    return 0
  },
}

/** Once; it belongs to the bed and ends with it. */
async function startRelay(bed: Bed): Promise<void> {
  if (await daemonPid(bed, 'relay')) return
  const script = join(repositoryRoot, 'test/machines/bed/relay.ts')
  const command = [process.execPath, script, `/run/netns/${namespaceOf(bed, 'hub')}`, hubAddress, String(hubPort), values['hub-port']]
  await startDaemon(bed, 'relay', command)
}

/** The command gets this terminal; its exit code is ours. */
function become(command: readonly string[]): Promise<number> {
  const [program = '', ...args] = command
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit' })
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

async function main(): Promise<number> {
  const command = commands[positionals[0] ?? '']
  if (values.help || !command) {
    console.log(help)
    return values.help ? 0 : 2
  }
  if (process.getuid?.() !== 0) {
    console.error('The test bed needs root: it makes namespaces, mounts and cgroups.\nnext: run the same command with sudo')
    return 1
  }
  const bed = bedOf({ name: values.name, env: process.env, print })
  if (!['up', 'down', 'status'].includes(positionals[0] ?? '') && !existsSync(bed.run)) {
    console.error('The test bed is not up.\nnext: npm run testbed -- up')
    return 1
  }
  return command(bed)
}

process.exit(await main())
