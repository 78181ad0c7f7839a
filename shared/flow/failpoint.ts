// Named failpoints: places where a fault test kills or fails the process. Off unless a test names one in the environment
// that main.ts reads; a name that is not listed here throws, so a test cannot wait for a point that does not exist.

export const failpointNames = [
  // hub
  'hub.events.received',
  'hub.store.before-begin',
  'hub.store.after-begin',
  'hub.store.before-commit',
  'hub.store.after-commit',
  'hub.events.before-reply',
  'hub.migration',
  'hub.backup',
  'hub.dispatch.before-send',
  'hub.dispatch.after-ack',
  'hub.enroll.after-commit',
  // agent
  'agent.order.received',
  'agent.order.journalled',
  'agent.action.spawned',
  'agent.action.exited',
  'agent.result.recorded',
  'agent.events.acknowledged',
  'agent.undo.recorded',
  'agent.file.renamed',
  'agent.enroll.key-written',
  'agent.enroll.answered',
  'agent.renew.key-written',
  'agent.renew.answered',
  'agent.renew.staged',
  'agent.renew.activated',
] as const
export type FailpointName = (typeof failpointNames)[number]

type Hook = (name: FailpointName) => void
let hook: Hook | undefined

/** Called at the point. Does nothing in production. */
export function failpoint(name: FailpointName): void {
  hook?.(name)
}

/** `spec` is `name` or `name:N` (the Nth time it is reached), several separated by commas; what happens there is `act` (main.ts passes one that kills the process with SIGKILL). */
export function armFailpoints(spec: string, act: (name: FailpointName) => void): void {
  const left = new Map<string, number>()
  for (const part of spec.split(',').filter(Boolean)) {
    const [name = '', count = '1'] = part.split(':')
    if (!failpointNames.includes(name as FailpointName)) throw new Error(`no failpoint is called ${name}`)
    left.set(name, Number(count))
  }
  hook = (name) => {
    const count = left.get(name)
    if (count === undefined) return
    left.set(name, count - 1)
    if (count === 1) act(name)
  }
}
