// A program of this folder as a process of its own, with the memory settings of hub or agent.
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { MemorySettings } from '#shared/contract/memory.ts'

export const forkWith = ({ flags, environment }: MemorySettings, program: string, args: readonly string[] = []): ChildProcess =>
  fork(fileURLToPath(new URL(program, import.meta.url)), args, {
    serialization: 'advanced',
    execArgv: [...flags],
    env: { ...process.env, ...environment },
  })
