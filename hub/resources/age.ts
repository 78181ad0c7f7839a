// Durations as kubectl prints ages (apimachinery, util/duration HumanDuration).

const minuteS = 60
const hourS = 3600
const dayS = 86_400
const yearS = 365 * dayS

export function humanDuration(ms: number): string {
  const s = Math.floor(ms / 1000)
  if (s < -1) return '<invalid>'
  if (s < 0) return '0s'
  if (s < 2 * minuteS) return `${s}s`
  if (s < 10 * minuteS) return pair(s, minuteS, 'm', 1, 's')
  if (s < 3 * hourS) return `${Math.floor(s / minuteS)}m`
  if (s < 8 * hourS) return pair(s, hourS, 'h', minuteS, 'm')
  if (s < 2 * dayS) return `${Math.floor(s / hourS)}h`
  if (s < 8 * dayS) return pair(s, dayS, 'd', hourS, 'h')
  if (s < 2 * yearS) return `${Math.floor(s / dayS)}d`
  if (s < 8 * yearS) return pair(s, yearS, 'y', dayS, 'd')
  return `${Math.floor(s / yearS)}y`
}

function pair(s: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((s % large) / small)
  return `${Math.floor(s / large)}${largeUnit}${rest === 0 ? '' : `${rest}${smallUnit}`}`
}

/** Age of a timestamp, or <unknown>. */
export function ageOf(timestamp: string | null | undefined, now: Date): string {
  const at = timestamp ? Date.parse(timestamp) : Number.NaN
  return Number.isNaN(at) ? '<unknown>' : humanDuration(now.getTime() - at)
}

/** Time that is left until a timestamp. */
export function untilOf(timestamp: string | undefined, now: Date): string {
  if (!timestamp) return 'never'
  const left = Date.parse(timestamp) - now.getTime()
  return left <= 0 ? 'expired' : `in ${humanDuration(left)}`
}
