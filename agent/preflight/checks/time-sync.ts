import { readClock } from '../time-sources.ts'
import { type Check, fail, pass, unknown } from '../types.ts'

export const timeSync: Check = {
  id: 'TimeSynchronised',
  group: 'time',
  severity: 'error',
  expected: 'the clock is synchronised',
  source: 'etcd and certificates need agreeing clocks; adjtimex(2) STA_UNSYNC as timedatectl shows it',
  async run({ host, machine }) {
    const clock = await readClock(host, await machine.isSystemd())
    if (clock.isSynchronised === undefined)
      return unknown(
        'nothing can be asked: no systemd, chronyd, ntpd or adjtimex',
        'Install and start chrony, or look at `timedatectl` yourself.',
      )
    return clock.isSynchronised
      ? pass(`yes, says ${clock.source}`)
      : fail(
          `no, says ${clock.source}`,
          '`systemctl enable --now chrony` (or systemd-timesyncd) with a time server that is reachable from here.',
        )
  },
}
