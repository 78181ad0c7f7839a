import { type Check, fail, pass, skipped, unknown } from '../types.ts'
import { mountOf } from '#agent/facts/sources/mounts.ts'
import { existingAncestor } from '../paths.ts'
import { percentile } from '../percentile.ts'

/** etcd's own advice measures its write-ahead log: one record of about this size, then fdatasync, one after the other. */
const recordBytes = 8_000
/** 4 MB and 4 s at most. */
const records = 500
const maxMs = 4_000
/** Below this number of samples the 99th percentile would be the single worst one of too few. */
const minSamples = 100
const limitMs = 10
const directory = '/var/lib/etcd'
const etcdPorts = [2379, 2380]

export const etcdFsync: Check = {
  id: 'EtcdFsync',
  group: 'disk',
  severity: 'error',
  roles: ['controlPlane'],
  expected: `99 % of fdatasync calls after ${recordBytes} bytes take at most ${limitMs} ms where etcd will be`,
  source: 'etcd documentation, hardware: wal_fsync_duration_seconds p99 below 10 ms',
  timeoutMs: 20_000,
  isExclusive: true,
  async run({ host, machine, probes, signal }) {
    const listeners = await machine.listeners()
    if (listeners?.some(({ port }) => etcdPorts.includes(port)) || (await host.info(`${directory}/member/wal`)))
      return skipped('refused: an etcd member lives here, and its disk is not to be loaded')
    const place = await existingAncestor(host, directory)
    const mount = mountOf((await machine.mounts()) ?? [], place)
    if (mount?.fsType === 'tmpfs' || mount?.fsType === 'ramfs')
      return fail(`${place} is on ${mount.fsType}, which a reboot empties`, `Mount a disk at ${directory}.`)
    let measured: Awaited<ReturnType<typeof probes.fsync>>
    try {
      measured = await probes.fsync(place, { recordBytes, records, maxMs }, signal)
    } catch (error) {
      return unknown(
        `nothing can be written to ${place}: ${(error as Error).message}`,
        'Run it as root, on a filesystem that can be written to.',
      )
    }
    const { latenciesMs, isIdlePriority } = measured
    const [p50, p90, p99] = [0.5, 0.9, 0.99].map((share) => percentile(latenciesMs, share))
    if (p50 === undefined || p90 === undefined || p99 === undefined)
      return unknown('no record was written in time', 'Look at `iostat -x 1`: the disk hangs.')
    const observed = `p50 ${p50.toFixed(2)} ms, p90 ${p90.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms over ${latenciesMs.length} records in ${place}${isIdlePriority ? ' (idle I/O priority)' : ''}`
    // A disk so slow that the time ran out is judged all the same: that many records took that long.
    if (p99 > limitMs) return fail(observed, `Put ${directory} on a local SSD or NVMe disk of its own.`)
    return latenciesMs.length < minSamples
      ? unknown(`too few records: ${observed}`, 'Run it again when the machine is idle.')
      : pass(observed)
  },
}
