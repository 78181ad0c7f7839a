// Who on this machine knows how right its clock is. Node cannot call adjtimex(2), so the services are asked.
import type { Host } from '#agent/host/types.ts'

export interface ClockState {
  source: string
  /** undefined when there is nobody to ask. */
  isSynchronised?: boolean
  /** Local minus true time. */
  offsetSeconds?: number
  errorBoundSeconds?: number
}

const timeoutMs = 4_000

export async function readClock(host: Host, isSystemd: boolean): Promise<ClockState> {
  return (
    (await fromChrony(host)) ??
    (await fromTimedatectl(host, isSystemd)) ??
    (await fromTimesyncFile(host)) ??
    (await fromAdjtimex(host)) ??
    (await fromNtpq(host)) ?? { source: 'nobody' }
  )
}

/** `chronyc -c tracking`: comma-separated; 4 is the offset of the system clock, 10 root delay, 11 root dispersion, 13 the leap status. */
async function fromChrony(host: Host): Promise<ClockState | undefined> {
  const { stdout, exitCode } = await host.run('chronyc', ['-c', 'tracking'], { timeoutMs })
  const fields = stdout.trim().split(',')
  if (exitCode !== 0 || fields.length < 14) return undefined
  const leap = fields[13]
  if (leap === 'Not synchronised') return { source: 'chronyc', isSynchronised: false }
  // RFC 5905: the root distance, half the delay plus the dispersion, bounds the error.
  return {
    source: 'chronyc',
    isSynchronised: true,
    offsetSeconds: Number(fields[4]),
    errorBoundSeconds: Number(fields[10]) / 2 + Number(fields[11]),
  }
}

async function fromTimedatectl(host: Host, isSystemd: boolean): Promise<ClockState | undefined> {
  if (!isSystemd) return undefined
  const { stdout, exitCode } = await host.run('timedatectl', ['show', '--property=NTPSynchronized', '--value'], { timeoutMs })
  if (exitCode !== 0 || !/^(yes|no)\s*$/.test(stdout)) return undefined
  return { source: 'timedatectl', isSynchronised: stdout.trim() === 'yes', ...(await timesyncOffset(host)) }
}

/** `timedatectl timesync-status` exists only with systemd-timesyncd: `Offset: -1.234ms`, `Root distance: 1.5ms (max: 5s)`. */
async function timesyncOffset(host: Host): Promise<Pick<ClockState, 'offsetSeconds' | 'errorBoundSeconds'>> {
  const { stdout, exitCode } = await host.run('timedatectl', ['timesync-status'], { timeoutMs })
  if (exitCode !== 0) return {}
  const offset = seconds(/^\s*Offset:\s*(\S.*)$/m.exec(stdout)?.[1])
  const distance = seconds(/^\s*Root distance:\s*([^(]+)/m.exec(stdout)?.[1])
  return { ...(offset === undefined ? {} : { offsetSeconds: offset }), ...(distance === undefined ? {} : { errorBoundSeconds: distance }) }
}

/** systemd-timesyncd makes this file when it has set the clock. Its absence says nothing: another service may do the work. */
async function fromTimesyncFile(host: Host): Promise<ClockState | undefined> {
  const info = await host.info('/run/systemd/timesync/synchronized')
  return info ? { source: 'systemd-timesyncd', isSynchronised: true } : undefined
}

/** adjtimex(8): `status: 64` with STA_UNSYNC = 0x40, `offset: 12` in microseconds. */
async function fromAdjtimex(host: Host): Promise<ClockState | undefined> {
  const { stdout, exitCode } = await host.run('adjtimex', ['--print'], { timeoutMs })
  const status = /^\s*status:\s*(\d+)/m.exec(stdout)?.[1]
  if (exitCode !== 0 || status === undefined) return undefined
  return { source: 'adjtimex', isSynchronised: (Number(status) & 0x40) === 0 }
}

/** `ntpq -c rv`: `stratum=16` and leap 11 are unsynchronised; offset in milliseconds. */
async function fromNtpq(host: Host): Promise<ClockState | undefined> {
  const { stdout, exitCode } = await host.run('ntpq', ['-n', '-c', 'rv'], { timeoutMs })
  const leap = /\bleap=(?:leap_)?(\w+)/.exec(stdout)?.[1]
  if (exitCode !== 0 || leap === undefined) return undefined
  const offset = /\boffset=(-?[\d.]+)/.exec(stdout)?.[1]
  const isSynchronised = leap !== '11' && leap !== 'alarm'
  return { source: 'ntpq', isSynchronised, ...(isSynchronised && offset !== undefined ? { offsetSeconds: Number(offset) / 1000 } : {}) }
}

/** systemd's time spans: `-1.234ms`, `+2min 3.5s`, `12us`. */
export function seconds(text: string | undefined): number | undefined {
  const units: Readonly<Record<string, number>> = { us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600, d: 86_400 }
  const match = /^([+-]?)\s*((?:\d+(?:\.\d+)?\s*(?:us|µs|ms|s|min|h|d)\s*)+)$/.exec(text?.trim() ?? '')
  if (!match) return undefined
  let total = 0
  for (const [, amount, unit = ''] of (match[2] ?? '').matchAll(/(\d+(?:\.\d+)?)\s*(us|µs|ms|min|s|h|d)/g))
    total += Number(amount) * (units[unit] ?? Number.NaN)
  return match[1] === '-' ? -total : total
}
