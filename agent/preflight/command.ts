// `moorline-agent preflight`: the same checks with no hub at all.
import { parseArgs } from 'node:util'
import type { Probes } from '#agent/host/probes.ts'
import type { Host } from '#agent/host/types.ts'
import type { Clock } from '#shared/clock/clock.ts'
import type { PreflightInput } from '#shared/contract/actions.ts'
import { OperatorError } from '#shared/errors/api-error.ts'
import { checks } from './checks/index.ts'
import { exitCode, formatJson, formatSummary, formatTable } from './format.ts'
import { runPreflight } from './run.ts'
import { targetOf } from './target.ts'

const usageError = 2
const defaultWidth = 100

export const preflightUsage = `Usage: moorline-agent preflight [flags]

Checks this machine for a Kubernetes cluster without changing it. Needs no hub.

  -o, --output table|json         default table
      --role controlPlane|worker  default controlPlane
      --kubernetes-version 1.31   target version
      --cluster-cidr CIDR         pod network, repeat or separate by commas for two families
      --service-cidr CIDR
      --join-cidr CIDR            kube-ovn's join network
      --plugin kube-ovn|calico|flannel|custom
      --registry HOST[:PORT]      image registry to reach
      --advertise-address IP      address of this machine that the others use
      --external-etcd URL         endpoint, repeat or separate by commas
      --ignore ID,ID              demote these to warnings (all: every one)
      --pull-images               pull the images too: the only check that changes the machine
      --all                       list skipped checks as well
  -h, --help

Exit code: 0 nothing failed, 1 errors, 3 something is unknown, 2 wrong flags.
`

const options = {
  output: { type: 'string', short: 'o' },
  role: { type: 'string' },
  'kubernetes-version': { type: 'string' },
  'cluster-cidr': { type: 'string', multiple: true },
  'service-cidr': { type: 'string', multiple: true },
  'join-cidr': { type: 'string', multiple: true },
  plugin: { type: 'string' },
  registry: { type: 'string' },
  'advertise-address': { type: 'string' },
  'external-etcd': { type: 'string', multiple: true },
  ignore: { type: 'string', multiple: true },
  'pull-images': { type: 'boolean' },
  all: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

export interface PreflightCommand {
  /** What follows `preflight`. */
  argv: readonly string[]
  host: Host
  clock: Clock
  random: () => number
  stdout: { write(text: string): unknown; columns?: number }
  /** Default: errors go to stdout as well. */
  stderr?: { write(text: string): unknown }
  isTty: boolean
  signal?: AbortSignal
  probes?: Probes
}

/** Resolves with the exit code. */
export async function preflightCommand(command: PreflightCommand): Promise<number> {
  const { stdout, stderr = stdout, isTty } = command
  try {
    const { values } = parse(command.argv)
    if (values.help) {
      stdout.write(preflightUsage)
      return 0
    }
    const output = oneOf('--output', values.output ?? 'table', ['table', 'json'])
    const input = toInput(values)
    targetOf(input)
    const showsProgress = isTty && output === 'table'
    let done = 0
    const report = await runPreflight({
      ...command,
      input,
      onRow: ({ id }) => {
        done++
        if (showsProgress) stdout.write(`\r\u001b[K${done}/${checks.length} ${id}`)
      },
    })
    if (showsProgress) stdout.write('\r\u001b[K')
    if (output === 'json') stdout.write(formatJson(report))
    else {
      stdout.write(formatTable(report.rows, { color: isTty, width: stdout.columns ?? defaultWidth, all: values.all ?? false }))
      stdout.write(`\nKubernetes ${report.kubernetesVersion}, ${report.role}: ${formatSummary(report.summary)}\n`)
    }
    return exitCode(report.summary)
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    stderr.write(`${error.message}\n${error.next}\n`)
    return usageError
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false })
  } catch (error) {
    throw new OperatorError('UsageInvalid', (error as Error).message, '`moorline-agent preflight --help` lists the flags.')
  }
}

function toInput(values: ReturnType<typeof parse>['values']): PreflightInput {
  const externalEtcd = list(values['external-etcd'])
  return {
    ...(values.role === undefined ? {} : { role: oneOf('--role', values.role, ['controlPlane', 'worker']) }),
    ...(values['kubernetes-version'] === undefined ? {} : { kubernetesVersion: values['kubernetes-version'] }),
    clusterCIDRs: list(values['cluster-cidr']),
    serviceCIDRs: list(values['service-cidr']),
    joinCIDRs: list(values['join-cidr']),
    ...(values.plugin === undefined ? {} : { plugin: oneOf('--plugin', values.plugin, ['kube-ovn', 'calico', 'flannel', 'custom']) }),
    ...(values.registry === undefined ? {} : { registry: values.registry }),
    ...(values['advertise-address'] === undefined ? {} : { advertiseAddress: values['advertise-address'] }),
    ...(externalEtcd.length === 0 ? {} : { externalEtcd: { endpoints: externalEtcd } }),
    ...(values['pull-images'] ? { pullImages: true } : {}),
    ignore: knownIds(list(values.ignore)),
  }
}

/** A name that no check has would silently demote nothing. */
function knownIds(ids: string[]): string[] {
  const known = new Set(['all', ...checks.flatMap(({ id }) => [id.toLowerCase(), id.split('/')[0]?.toLowerCase() ?? ''])])
  const wrong = ids.find((id) => !known.has(id.toLowerCase()))
  if (wrong !== undefined)
    throw new OperatorError('UsageInvalid', `--ignore: no check is called ${wrong}`, '`moorline-agent preflight --all` lists the checks.')
  return ids
}

function list(values: readonly string[] | undefined): string[] {
  return (values ?? [])
    .flatMap((value) => value.split(','))
    .map((part) => part.trim())
    .filter(Boolean)
}

function oneOf<const T extends string>(flag: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((word) => word === value)
  if (found === undefined)
    throw new OperatorError(
      'UsageInvalid',
      `${flag}: ${value} is none of ${allowed.join(', ')}`,
      '`moorline-agent preflight --help` lists the flags.',
    )
  return found
}
