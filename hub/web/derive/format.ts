// How values are written. Everything here is pure; times are ISO strings, sizes bytes.

/** "42s", "5m", "3h", "12d", "2y": what kubectl prints for an age. */
export function formatAge(iso: string | null | undefined, now: Date): string {
  const at = iso ? Date.parse(iso) : Number.NaN
  if (!Number.isFinite(at)) return '–'
  return formatDuration(now.getTime() - at)
}

export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 120) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours}h`
  const days = Math.floor(hours / 24)
  return days < 730 ? `${days}d` : `${Math.floor(days / 365)}y`
}

/** "23 h 59 min", "4 min 12 s": what is left of something that ends. */
export function formatLeft(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  return hours > 0 ? `${hours} h ${minutes} min` : minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`
}

/** Binary units, as `free -h` and kubectl print them. */
export function formatBytes(bytes: number | undefined): string {
  if (bytes === undefined || !Number.isFinite(bytes)) return '–'
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = bytes
  let unit = 0
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

export function formatMicroseconds(microseconds: number): string {
  return microseconds < 1_000 ? `${microseconds} µs` : `${(microseconds / 1_000).toFixed(microseconds < 10_000 ? 1 : 0)} ms`
}

const numbers = new Intl.NumberFormat('en')
export const formatCount = (count: number): string => numbers.format(count)

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

/** Local time with the zone, for tooltips and details. */
export function formatTime(iso: string | null | undefined): string {
  const at = iso ? new Date(iso) : undefined
  if (!at || Number.isNaN(at.getTime())) return '–'
  return new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' }).format(at)
}

// Control characters and marks that turn the reading direction around: a machine could otherwise show a name that is not its own.
const unprintable = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** Text that came from a machine, safe to stand in one line. */
export function printable(text: unknown, maxLength = 4096): string {
  const clean = String(text ?? '').replace(unprintable, '\ufffd')
  return clean.length > maxLength ? `${clean.slice(0, maxLength)}…` : clean
}
