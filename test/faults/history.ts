// What a client of the hub knows: what was acknowledged to it, and every state of every task that it has ever been shown. Watches
// through restarts as a Kubernetes informer does: list, watch from there, list again when the watch has ended.
import { setTimeout as delay } from 'node:timers/promises'
import type { Task, TaskStateName } from '#shared/contract/task.ts'
import { type Client, kindPath } from './client.ts'

export interface GivenTask {
  name: string
  action: 'exec' | 'file'
  machine: string
  /** `unknown`: the connection ended before the answer, so it may exist or not. */
  answer: 'acknowledged' | 'unknown'
  uid?: string
  /** The answer was 201: then its audit row is durable too. An answer that came only to the repetition does not say so. */
  isFirstAnswer?: boolean
  body: unknown
  /** Lines that an exec prints, or the path and content of a file. */
  lines: number
  path: string
}

export interface Sighting {
  how: 'list' | 'watch'
  uid: string
  name: string
  resourceVersion: number
  attempt: number
  state: TaskStateName
}

export interface History {
  given: Map<string, GivenTask>
  sightings: Sighting[]
  /** Creates a task and writes down what was said. Never rejects for a hub that is away. */
  give(task: Omit<GivenTask, 'answer' | 'uid' | 'isFirstAnswer'>): Promise<GivenTask>
  /** Sends again what got no answer, until each has one. */
  giveAgain(): Promise<void>
  /** Acknowledged tasks that a list did not show. */
  missing: string[]
  lists(): number
  stop(): Promise<void>
}

export function startHistory(client: () => Client): History {
  const given = new Map<string, GivenTask>()
  const sightings: Sighting[] = []
  const missing: string[] = []
  const stopping = new AbortController()
  let lists = 0

  const see = (how: Sighting['how'], { metadata, spec, status }: Task) => {
    sightings.push({
      how,
      uid: metadata.uid ?? '',
      name: metadata.name,
      resourceVersion: Number(metadata.resourceVersion),
      attempt: status?.attempt ?? spec.attempt ?? 1,
      state: status?.state ?? 'Pending',
    })
  }

  async function listAndWatch(): Promise<void> {
    const known = [...given.values()].filter((task) => task.answer === 'acknowledged')
    const answer = await client().ask('GET', `${kindPath}/tasks`)
    if (answer.status !== 200) throw new Error(`list: ${answer.status}`)
    const { items, metadata } = answer.json<{ items: Task[]; metadata: { resourceVersion: string } }>()
    for (const task of items) see('list', task)
    for (const task of known) if (!items.some(({ metadata: { uid } }) => uid === task.uid)) missing.push(`${task.name} (${task.uid})`)
    lists++
    await client().lines(
      `${kindPath}/tasks?watch=true&resourceVersion=${metadata.resourceVersion}`,
      (line) => {
        const { type, object } = JSON.parse(line) as { type: string; object: Task }
        if (type === 'ADDED' || type === 'MODIFIED') see('watch', object)
      },
      stopping.signal,
    )
  }

  const running = (async () => {
    while (!stopping.signal.aborted) {
      // The hub is away: that is what these tests are about. It is asked again until it answers.
      await listAndWatch().catch(() => undefined)
      // Ends early when it is stopped.
      await delay(50, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  })()

  async function post(task: GivenTask): Promise<void> {
    try {
      const answer = await client().ask('POST', `${kindPath}/tasks`, { body: task.body })
      if (answer.status !== 201 && answer.status !== 409) {
        if (answer.status >= 500) return
        throw new Error(`POST ${task.name}: ${answer.status} ${answer.text}`)
      }
      const found = answer.status === 201 ? answer.json<Task>() : (await client().ask('GET', `${kindPath}/tasks/${task.name}`)).json<Task>()
      task.uid = found.metadata.uid
      task.answer = 'acknowledged'
      task.isFirstAnswer = answer.status === 201
    } catch (error) {
      // A refusal is a fault of the test; no answer is a fault of the hub's, and what this is for.
      if ((error as Error).message.startsWith('POST')) throw error
    }
  }

  return {
    given,
    sightings,
    missing,
    lists: () => lists,
    async give(task) {
      const entry: GivenTask = { ...task, answer: 'unknown' }
      given.set(task.name, entry)
      await post(entry)
      return entry
    },
    async giveAgain() {
      for (const task of given.values()) if (task.answer === 'unknown') await post(task)
    },
    async stop() {
      stopping.abort()
      await running
    },
  }
}
