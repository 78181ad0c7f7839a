// Debian's docker-registry at the switch, with its blobs in the cache: images survive `down`.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pollUntil } from '#scripts/dev/poll.ts'
import type { Bed } from './bed.ts'
import { startDaemon } from './daemon.ts'
import { registryAddress } from './network.ts'
import { inNamespace, runIn } from './shell.ts'

export const blobsOf = (bed: Bed): string => join(bed.cache, 'registry')

export async function startRegistry(bed: Bed, base: string): Promise<void> {
  await mkdir(blobsOf(bed), { recursive: true })
  const config = join(bed.run, 'registry.json')
  await writeFile(
    config,
    JSON.stringify({
      version: '0.1',
      log: { level: 'warn' },
      storage: { filesystem: { rootdirectory: blobsOf(bed) } },
      http: { addr: registryAddress },
    }),
  )
  await startDaemon(bed, 'registry', inNamespace(bed, 'fabric', [join(base, 'usr/bin/docker-registry'), 'serve', config]))
  await pollUntil('the registry to answer', 20_000, () => runIn(bed, 'fabric', ['curl', '-sf', `http://${registryAddress}/v2/`]))
}
