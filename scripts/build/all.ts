// npm run build [-- agent|web|sbom]: what is shipped, in dist/.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repositoryRoot } from '#scripts/dev/root.ts'
import { buildAgent } from './agent.ts'
import { thirdPartyNotices } from './notices.ts'
import { softwareBill } from './sbom.ts'
import { ensureWeb } from './web.ts'

const dist = join(repositoryRoot, 'dist')
const print = (line: string) => console.log(line)
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`

const targets: Readonly<Record<string, () => Promise<void>>> = {
  web: () => ensureWeb(print),
  async agent() {
    const built = await buildAgent({ print })
    print(`${built.path}: ${megabytes(built.sizeBytes)}, compressed ${megabytes(built.compressedBytes)}, Node ${built.nodeVersion}`)
    print(`sha256 ${built.sha256}`)
  },
  async sbom() {
    await writeFile(join(dist, 'sbom.spdx.json'), await softwareBill())
    await writeFile(join(dist, 'THIRD-PARTY-NOTICES.txt'), await thirdPartyNotices())
    print(`${dist}/sbom.spdx.json, THIRD-PARTY-NOTICES.txt`)
  },
}

const names = process.argv.slice(2)
const unknown = names.filter((name) => !Object.hasOwn(targets, name))
if (unknown.length > 0) {
  console.error(`There is nothing called ${unknown.join(', ')} to build. Choose from: ${Object.keys(targets).join(', ')}`)
  process.exit(2)
}
await mkdir(dist, { recursive: true })
for (const [name, run] of Object.entries(targets)) if (names.length === 0 || names.includes(name)) await run()
