import { readClock } from '../time-sources.ts'
import { type Check, fail, pass, unknown } from '../types.ts'

const warningSeconds = 5
const errorSeconds = 30

/** Seconds to milliseconds and back are where such checks go wrong, so the rule is here alone. `undefined` is fine. */
export function offsetSeverity(offsetSeconds: number): 'error' | 'warning' | undefined {
  const size = Math.abs(offsetSeconds)
  if (size > errorSeconds) return 'error'
  return size > warningSeconds ? 'warning' : undefined
}

/** Against the machine's own time source; against the hub and the other machines the hub compares. */
export const timeOffset: Check = {
  id: 'TimeOffset',
  group: 'time',
  severity: 'error',
  expected: `at most ${warningSeconds} s off its time source (over ${errorSeconds} s is an error)`,
  source: 'etcd and certificates need agreeing clocks',
  async run({ host, machine }) {
    const { offsetSeconds, errorBoundSeconds, source } = await readClock(host, await machine.isSystemd())
    if (offsetSeconds === undefined) return unknown('no time service here tells an offset', 'Install chrony: `chronyc tracking` tells it.')
    const observed = `${(offsetSeconds * 1000).toFixed(3)} ms${errorBoundSeconds === undefined ? '' : ` ± ${(errorBoundSeconds * 1000).toFixed(3)} ms`}, says ${source}`
    const severity = offsetSeverity(offsetSeconds)
    return severity === undefined
      ? pass(observed)
      : fail(observed, '`chronyc makestep`, or set the clock and restart the time service.', severity)
  },
}
