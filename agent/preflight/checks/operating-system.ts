import { isSupportedVersion, supportedOs } from '../supported-os.ts'
import { type Check, fail, pass, unknown } from '../types.ts'

export const operatingSystem: Check = {
  id: 'OperatingSystem',
  group: 'host',
  severity: 'warning',
  expected: Object.values(supportedOs)
    .map(({ name, versions }) => `${name} ${versions.join('/')}`)
    .join(', '),
  source: 'supported operating systems (agent/preflight/supported-os.ts)',
  async run({ machine }) {
    const release = await machine.osRelease()
    if (release === undefined) return unknown('there is no os-release file', 'Look at what runs here; os-release(5) is missing.')
    const known = supportedOs[release.id]
    if (known === undefined)
      return fail(`${release.prettyName} (${release.id}) is not in the list`, 'Use one that is, or ignore this check at your own risk.')
    return isSupportedVersion(known, release.versionId)
      ? pass(release.prettyName)
      : fail(`${release.prettyName} is not one of ${known.versions.join(', ')}`, `Upgrade to ${known.name} ${known.versions.at(-1)}.`)
  },
}
