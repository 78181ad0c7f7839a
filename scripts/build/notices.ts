// The licence texts of everything that is shipped, as most of those licences ask for.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { shippedPackages } from '#scripts/check/steps/licences.ts'
import { repositoryRoot } from '#scripts/dev/root.ts'

export async function thirdPartyNotices(): Promise<string> {
  const parts = ['Moorline contains the following software of others.\n']
  for (const { path, name, version, licence } of await shippedPackages()) {
    if (licence === 'not installed') continue
    const folder = join(repositoryRoot, path)
    const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
    const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
    parts.push(`${'-'.repeat(80)}\n${name} ${version} (${licence})\n\n${texts.map((text) => text.trim()).join('\n\n')}\n`)
  }
  return parts.join('\n')
}
