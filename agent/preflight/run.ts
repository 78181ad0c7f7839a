// Runs every check of the list: a few at a time, each limited in time, a row as soon as it is there.
import { createProbes, type Probes } from '#agent/host/probes.ts'
import type { Host } from '#agent/host/types.ts'
import type { Clock } from '#shared/clock/clock.ts'
import type { PreflightInput } from '#shared/contract/actions.ts'
import { type PreflightRow, type PreflightSummary, summarizePreflight } from '#shared/contract/preflight.ts'
import { checks as allChecks } from './checks/index.ts'
import { createMachine } from './machine.ts'
import { isIgnored, toRow } from './row.ts'
import { targetOf } from './target.ts'
import { type Check, type CheckContext, type Finding, type Role, skipped, unknown } from './types.ts'

const defaultTimeoutMs = 10_000
const concurrency = 4

export interface PreflightRun {
  host: Host
  input: PreflightInput
  clock: Clock
  random: () => number
  /** Called once for each check when it has finished, in the order in which they finish. */
  onRow?(row: PreflightRow): void
  signal?: AbortSignal
  probes?: Probes
  checks?: readonly Check[]
}
export interface PreflightReport {
  /** One for each check, in the order of the list. */
  rows: PreflightRow[]
  summary: PreflightSummary
  kubernetesVersion: string
  role: Role
}

/**
 * Throws an OperatorError for a wrong input, and the signal's reason when aborted. Nothing that a check does makes it throw: a check that
 * throws or is over its time is a row with the outcome `unknown`.
 */
export async function runPreflight(run: PreflightRun): Promise<PreflightReport> {
  const { host, clock, random, signal, checks = allChecks } = run
  const target = targetOf(run.input)
  const probes = run.probes ?? createProbes(host)
  const shared = { host, probes, machine: createMachine(host, probes), target, clock, random }
  const rows = new Map<Check, PreflightRow>()
  const perform = async (check: Check) => {
    signal?.throwIfAborted()
    const startedMs = clock.monotonicMs()
    const finding = await look(check, shared, signal)
    signal?.throwIfAborted()
    const row = toRow(check, finding, target, isIgnored(check, target.input.ignore ?? []), clock.monotonicMs() - startedMs)
    rows.set(check, row)
    run.onRow?.(row)
  }
  await inParallel(
    checks.filter((check) => !check.isExclusive),
    perform,
  )
  for (const check of checks) if (check.isExclusive) await perform(check)
  const ordered = checks.map((check) => rows.get(check)).filter((row) => row !== undefined)
  return { rows: ordered, summary: summarizePreflight(ordered), kubernetesVersion: target.version, role: target.role }
}

async function look(check: Check, shared: Omit<CheckContext, 'signal'>, signal?: AbortSignal): Promise<Finding> {
  const { target, clock } = shared
  if (check.roles && !check.roles.includes(target.role)) return skipped(`not for the role ${target.role}`)
  if (check.severityByMinor && check.severityByMinor(target.ruleMinor) === undefined) return skipped(`not for Kubernetes 1.${target.minor}`)
  const timeoutMs = check.timeoutMs ?? defaultTimeoutMs
  const own = new AbortController()
  const onAbort = () => own.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  let timer: ReturnType<Clock['setTimer']> | undefined
  try {
    const limit = new Promise<Finding>((resolve) => {
      timer = clock.setTimer(timeoutMs, () => {
        resolve(
          unknown(`no answer within ${timeoutMs / 1000} s`, 'Look at what keeps the machine from answering, then run the preflight again.'),
        )
        own.abort(new Error('the check is over its time'))
      })
      own.signal.addEventListener('abort', () => resolve(unknown('aborted', 'Run the preflight again.')), { once: true })
    })
    return await Promise.race([check.run({ ...shared, signal: own.signal }), limit])
  } catch (error) {
    return unknown(`the check failed: ${describe(error)}`, remedyFor(error))
  } finally {
    timer?.cancel()
    signal?.removeEventListener('abort', onAbort)
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function remedyFor(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EACCES' || code === 'EPERM'
    ? 'Run the preflight as root.'
    : 'Read the error; when the machine is fine, report it with this row.'
}

async function inParallel(checks: readonly Check[], perform: (check: Check) => Promise<void>): Promise<void> {
  const queue = checks.values()
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (const check of queue) await perform(check)
    }),
  )
}
