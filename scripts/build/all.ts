// npm run build [-- agent|web|sbom] [--quick]: what is shipped, in dist/. Quick: compressed less, for this machine's own use.
import { statSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repositoryRoot } from '#scripts/dev/root.ts'
import { agentName, ensureAgent } from './agent.ts'
import { thirdPartyNotices } from './notices.ts'
import { softwareBill } from './sbom.ts'
import { ensureWeb } from './web.ts'

const dist = join(repositoryRoot, 'dist')
const print = (line: string) => console.log(line)
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`

const isQuick = process.argv.includes('--quick')
const quickZstdLevel = 3

const targets: Readonly<Record<string, () => Promise<void>>> = {
  web: () => ensureWeb(print),
  async agent() {
    const isNew = await ensureAgent({ print, ...(isQuick ? { zstdLevel: quickZstdLevel } : {}) })
    const [executable, compressed] = [agentName, `${agentName}.zst`].map((name) => megabytes(statSync(join(dist, name)).size))
    print(`${join(dist, agentName)}${isNew ? '' : ' is up to date'}: ${executable}, compressed ${compressed}`)
  },
  async sbom() {
    await writeFile(join(dist, 'sbom.spdx.json'), await softwareBill())
    await writeFile(join(dist, 'THIRD-PARTY-NOTICES.txt'), await thirdPartyNotices())
    print(`${dist}/sbom.spdx.json, THIRD-PARTY-NOTICES.txt`)
  },
}

const names = process.argv.slice(2).filter((argument) => argument !== '--quick')
const unknown = names.filter((name) => !Object.hasOwn(targets, name))
if (unknown.length > 0) {
  console.error(`There is nothing called ${unknown.join(', ')} to build. Choose from: ${Object.keys(targets).join(', ')}`)
  process.exit(2)
}
await mkdir(dist, { recursive: true })
for (const [name, run] of Object.entries(targets)) if (names.length === 0 || names.includes(name)) await run()
