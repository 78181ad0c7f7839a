import { setTimeout as delay } from 'node:timers/promises'
import { OperatorError } from '#shared/errors/api-error.ts'

/** Asks `condition` every 100 ms until it is truthy. An OperatorError ends it at once; any other error is tried again and told at the end. */
export async function pollUntil<T>(what: string, limitMs: number, condition: () => T | Promise<T>): Promise<T> {
  const end = performance.now() + limitMs
  let last: unknown
  while (performance.now() < end) {
    try {
      const value = await condition()
      if (value) return value
    } catch (error) {
      if (error instanceof OperatorError) throw error
      last = error
    }
    await delay(100)
  }
  throw new Error(`waited ${limitMs / 1000} s for ${what}`, { cause: last })
}
