// Operating systems that machines may run, by the ID of os-release(5). A version matches when it is equal or begins with `entry.`.
export interface SupportedOs {
  name: string
  versions: readonly string[]
}

export const supportedOs: Readonly<Record<string, SupportedOs>> = {
  almalinux: { name: 'AlmaLinux', versions: ['8', '9', '10'] },
  anolis: { name: 'Anolis OS', versions: ['8', '23'] },
  centos: { name: 'CentOS Stream', versions: ['9', '10'] },
  debian: { name: 'Debian', versions: ['11', '12', '13'] },
  kylin: { name: 'Kylin', versions: ['V10', 'V11'] },
  ol: { name: 'Oracle Linux', versions: ['8', '9', '10'] },
  openEuler: { name: 'openEuler', versions: ['22.03', '24.03'] },
  'opensuse-leap': { name: 'openSUSE Leap', versions: ['15', '16'] },
  rhel: { name: 'Red Hat Enterprise Linux', versions: ['8', '9', '10'] },
  rocky: { name: 'Rocky Linux', versions: ['8', '9', '10'] },
  sles: { name: 'SUSE Linux Enterprise Server', versions: ['15', '16'] },
  ubuntu: { name: 'Ubuntu', versions: ['20.04', '22.04', '24.04', '26.04'] },
}

export function isSupportedVersion(os: SupportedOs, versionId: string): boolean {
  return os.versions.some((version) => versionId === version || versionId.startsWith(`${version}.`))
}
