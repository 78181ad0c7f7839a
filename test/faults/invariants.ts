// The seven invariants, as a checker of what a client was told against what the hub, the machines and the files say now. It knows
// nothing of the fault that has just been: it is the same after every one.
import { readFile } from 'node:fs/promises'
import { firstBadRow } from '#hub/store/audit-chain.ts'
import type { AuditRow } from '#hub/store/types.ts'
import type { Task, TaskStateName } from '#shared/contract/task.ts'
import { isTerminal, legalMoves } from '#shared/contract/task-state.ts'
import { until } from '#test/helpers/until.ts'
import { type Client, kindPath } from './client.ts'
import { conditionOf, type Fleet } from './fleet.ts'
import type { GivenTask, Sighting } from './history.ts'
import { leaks } from './secrets.ts'

const recoveryMs = 60_000

export interface CheckOptions {
  /** An agent was killed: an exec may have been interrupted, and then says so. */
  mayInterrupt?: boolean
  /** Machines that are not expected to be connected. */
  away?: readonly string[]
  /** Default 60 s. */
  withinMs?: number
}

/** I6: resolves when all that was acknowledged has ended and every machine is connected; throws after `withinMs`, saying what is stuck. */
export async function recovered(fleet: Fleet, { away = [], withinMs = recoveryMs }: CheckOptions = {}): Promise<void> {
  let stuck = ''
  const isWell = async (): Promise<boolean> => {
    stuck = 'the hub does not answer'
    await fleet.history.giveAgain()
    const client = fleet.client()
    if ((await client.ask('GET', '/readyz', { token: null })).status !== 200) return false
    for (const agent of fleet.agents) {
      const machine = await fleet.machine(agent)
      const connected = conditionOf(machine, 'Connected')
      stuck = `machine ${machine.metadata.name}: ${connected?.reason} ${connected?.message}`
      if (connected?.status !== 'True' && !away.includes(agent.who)) return false
    }
    const { items } = (await client.ask('GET', `${kindPath}/tasks`)).json<{ items: Task[] }>()
    for (const task of fleet.history.given.values()) {
      const found = items.find(({ metadata }) => metadata.name === task.name)
      if (!found) {
        // Not a matter of waiting: brokenInvariants names it.
        if (task.answer === 'acknowledged') continue
        stuck = `task ${task.name} was never taken`
        return false
      }
      stuck = `task ${task.name}: ${JSON.stringify(found.status?.conditions)}`
      if (!isTerminal(found.status?.state ?? 'Pending')) return false
    }
    return true
  }
  await until('the fleet to recover', isWell, { timeoutMs: withinMs, intervalMs: 50 }).catch((error: Error) => {
    throw new Error(`I6: not recovered within ${withinMs} ms: ${stuck}`, { cause: error })
  })
}

/** A sentence for each invariant that does not hold; empty when all do. Call it when the fleet has recovered. */
export async function brokenInvariants(fleet: Fleet, options: CheckOptions = {}): Promise<string[]> {
  const client = fleet.client()
  // What a watch shows from here on may be newer than the list.
  const seenBefore = fleet.history.sightings.slice()
  const { items } = (await client.ask('GET', `${kindPath}/tasks`)).json<{ items: Task[] }>()
  const tasks = new Map(items.map((task) => [task.metadata.name, task]))
  const audit = await auditRows(client)
  const broken = [
    ...lostOrders(fleet, tasks, audit),
    ...(await lostResults(fleet, tasks, client, options)),
    ...(await repeatedEffects(fleet, tasks)),
    ...movesBack(seenBefore, tasks),
    ...movesBack(fleet.history.sightings, new Map()),
    ...brokenChain(audit),
    ...(await leaks(fleet, client)).map((leak) => `I7: ${leak}`),
  ]
  return [...new Set(broken)]
}

/** Recovery, then all seven. */
export async function checkFleet(fleet: Fleet, options: CheckOptions = {}): Promise<string[]> {
  try {
    await recovered(fleet, options)
  } catch (error) {
    return [(error as Error).message, ...(await brokenInvariants(fleet, options).catch((cause: Error) => [cause.message]))]
  }
  return brokenInvariants(fleet, options)
}

function lostOrders({ history }: Fleet, tasks: ReadonlyMap<string, Task>, audit: readonly AuditRow[]): string[] {
  const lost: string[] = history.missing.map((name) => `I1: ${name} was acknowledged and is in no list`)
  const audited = new Set(
    audit.filter(({ verb, resource, result }) => verb === 'create' && resource === 'Task' && result === '201').map((row) => row.name),
  )
  for (const { name, uid, answer, isFirstAnswer } of history.given.values()) {
    if (answer !== 'acknowledged') continue
    if (tasks.get(name)?.metadata.uid !== uid) lost.push(`I1: task ${name} (${uid}) was acknowledged and is lost`)
    if (isFirstAnswer && !audited.has(name)) lost.push(`I1: task ${name} was acknowledged and its audit row is lost`)
  }
  return lost
}

async function lostResults(
  fleet: Fleet,
  tasks: ReadonlyMap<string, Task>,
  client: Client,
  { mayInterrupt }: CheckOptions,
): Promise<string[]> {
  const broken: string[] = []
  for (const given of fleet.history.given.values()) {
    const status = tasks.get(given.name)?.status
    if (!status) continue
    const isInterrupted = mayInterrupt && given.action === 'exec' && status.reason === 'Interrupted'
    if (status.state !== 'Succeeded' && !isInterrupted)
      broken.push(`I1: task ${given.name} ended ${status.state} ${status.reason ?? ''}: ${status.message ?? ''}`)
    if (status.droppedEvents) broken.push(`I1: ${status.droppedEvents} events of task ${given.name} were dropped`)
    if (given.action === 'exec') broken.push(...(await lostLines(client, given, Boolean(isInterrupted))))
    else broken.push(...(await wrongFile(given, status.result)))
  }
  return broken
}

async function lostLines(client: Client, given: GivenTask, isInterrupted: boolean): Promise<string[]> {
  const { text } = await client.ask('GET', `${kindPath}/tasks/${given.name}/log?format=json`)
  const entries = text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { stream: string; text: string; sequence: number })
  const printed = entries
    .filter(({ stream }) => stream === 'stdout')
    .map((entry) => entry.text)
    .join('')
  const expected = Array.from({ length: given.lines }, (_, index) => `line ${index + 1}\n`).join('')
  const sequences = entries.map(({ sequence }) => sequence)
  if (sequences.some((sequence, index) => index > 0 && sequence <= (sequences[index - 1] ?? 0)))
    return [`I2: the log of ${given.name} has rows twice`]
  if (isInterrupted ? expected.startsWith(printed) : printed === expected) return []
  return [`I1: the log of task ${given.name} is ${JSON.stringify(printed.slice(0, 200))}`]
}

async function wrongFile(given: GivenTask, result: unknown): Promise<string[]> {
  // No file is as wrong as another one.
  const content = await readFile(given.path, 'utf8').catch(() => undefined)
  const broken: string[] = []
  if (content !== `content of ${given.name}\n`) broken.push(`I1: task ${given.name} succeeded and its file is ${content}`)
  if ((result as { changed?: boolean } | undefined)?.changed !== true)
    broken.push(`I1: the result of ${given.name} is ${JSON.stringify(result)}`)
  return broken
}

async function repeatedEffects(fleet: Fleet, tasks: ReadonlyMap<string, Task>): Promise<string[]> {
  const broken: string[] = []
  const runs = new Map<string, string[]>()
  for (const agent of fleet.agents)
    for (const line of (await readFile(agent.counter, 'utf8').catch(() => '')).split('\n').filter(Boolean)) {
      const [run = '', who = ''] = line.split(' ')
      runs.set(run, [...(runs.get(run) ?? []), who])
      if (who !== agent.who) broken.push(`I5: ${who} ran ${run}, which was for ${agent.who}`)
    }
  const isOwn = new Map(fleet.agents.map(({ machine }) => [machine.metadata.name, machine.status?.agentId]))
  for (const { name, uid, action, machine } of fleet.history.given.values()) {
    const status = tasks.get(name)?.status
    if (status?.agentId !== undefined && status.agentId !== isOwn.get(machine)) broken.push(`I5: task ${name} was run by ${status.agentId}`)
    if (action !== 'exec') continue
    const count = runs.get(`${uid}.1`)?.length ?? 0
    if (count > 1) broken.push(`I2: task ${name} ran ${count} times`)
    if (count === 0 && status?.state === 'Succeeded') broken.push(`I2: task ${name} says that it ran and did not`)
    runs.delete(`${uid}.1`)
  }
  for (const run of runs.keys()) broken.push(`I2: ${run} ran and is no task that a client gave`)
  return broken
}

/** I3 over everything that was ever shown: attempts rise, states follow the table of legal moves, and what has ended stays as it ended. */
export function movesBack(sightings: readonly Sighting[], tasks: ReadonlyMap<string, Task>): string[] {
  const broken: string[] = []
  const last = new Map<string, Sighting>()
  const now = [...tasks.values()].map(
    ({ metadata, status }): Sighting => ({
      how: 'list',
      uid: metadata.uid ?? '',
      name: metadata.name,
      resourceVersion: Number(metadata.resourceVersion),
      attempt: status?.attempt ?? 1,
      state: status?.state ?? 'Pending',
    }),
  )
  for (const sighting of [...sightings, ...now]) {
    const before = last.get(sighting.uid)
    last.set(sighting.uid, sighting)
    if (!before) continue
    const what = `I3: task ${sighting.name} was ${before.state} (attempt ${before.attempt}, version ${before.resourceVersion}) and then ${sighting.state} (attempt ${sighting.attempt}, version ${sighting.resourceVersion})`
    const isForward = sighting.attempt === before.attempt ? canReach(before.state, sighting.state) : sighting.attempt > before.attempt
    if (sighting.resourceVersion < before.resourceVersion || !isForward) broken.push(what)
  }
  return broken
}

/** A watch shows every move, a list may have missed some: reachable is enough. */
function canReach(from: TaskStateName, to: TaskStateName): boolean {
  return from === to || legalMoves[from].some((next) => canReach(next, to))
}

export async function auditRows(client: Client): Promise<AuditRow[]> {
  const { text } = await client.ask('GET', `${kindPath}/auditevents`)
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as AuditRow)
}

function brokenChain(audit: readonly AuditRow[]): string[] {
  const bad = firstBadRow(audit, { id: 0, hash: '' })
  return bad === undefined ? [] : [`I4: the audit chain breaks at row ${bad}`]
}
