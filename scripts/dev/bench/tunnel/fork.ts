// A program of this folder as a process of its own, with the memory settings of hub or agent.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { MemorySettings } from '#shared/contract/memory.ts'

export const forkWith = ({ flags, environment }: MemorySettings, program: string, args: readonly string[] = []): ChildProcess =>
  fork(fileURLToPath(new URL(program, import.meta.url)), args, {
    serialization: 'advanced',
    execArgv: [...flags],
    env: { ...process.env, ...environment },
  })

/** The next message of the program. Throws when it ends without one. */
export async function answerOf(child: ChildProcess, name: string): Promise<unknown> {
  const done = new AbortController()
  const { signal } = done
  const exited = once(child, 'exit', { signal }).then(() => {
    throw new Error(`${name} has ended without an answer`)
  })
  exited.catch(() => undefined) // it has answered
  try {
    const [answer] = (await Promise.race([once(child, 'message', { signal }), exited])) as [unknown]
    return answer
  } finally {
    done.abort()
  }
}
