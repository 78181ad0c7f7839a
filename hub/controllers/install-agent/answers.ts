// What the scripts in remote/ print: lines `moorline:name=value` among whatever a login shell says. Hostile until parsed.
import { printable } from '#hub/ssh/failure.ts'
import { TaskFailure } from '#hub/controllers/task/performed/types.ts'

export function answersOf(stdout: string): Map<string, string[]> {
  const answers = new Map<string, string[]>()
  for (const line of stdout.split('\n').slice(0, 1_000)) {
    const found = /^moorline:([a-z]{1,32})=(.{0,512})$/.exec(line.replace(/\r$/, ''))
    const [, name = '', value = ''] = found ?? []
    if (found) answers.set(name, [...(answers.get(name) ?? []), value])
  }
  return answers
}

export interface Probe {
  architecture: 'x64' | 'arm64'
  isRoot: boolean
  hasSudo: boolean
  hasGzip: boolean
  /** Where files may lie while they are used, first choice first. */
  places: { path: string; freeKib: number | undefined }[]
  /** Free where the agent will live. */
  freeKib: number | undefined
}

const architectures: Readonly<Record<string, Probe['architecture']>> = { x86_64: 'x64', amd64: 'x64', aarch64: 'arm64', arm64: 'arm64' }

/** @throws TaskFailure MachineUnsuitable saying what is missing */
export function probeOf(stdout: string, said: string): Probe {
  const answers = answersOf(stdout)
  const one = (name: string) => answers.get(name)?.[0] ?? ''
  const fail = (message: string): never => {
    throw new TaskFailure('MachineUnsuitable', message)
  }
  if (one('end') !== 'yes') return fail(`the login shell does not run a POSIX script: ${printable(said) || 'it said nothing'}`)
  if (one('system') !== 'Linux') return fail(`it runs ${printable(one('system'), 64)}; the agent is for Linux`)
  const architecture = architectures[one('architecture')]
  if (!architecture) return fail(`its processor is ${printable(one('architecture'), 64)}; there is an agent for x86_64 and aarch64`)
  if (one('systemd') !== 'yes') return fail('systemd does not run on it')
  const missing = answers.get('missing') ?? []
  if (missing.length > 0)
    return fail(`it has no ${missing.map((name) => printable(name, 32)).join(', ')}; install it with its package manager`)
  const places = (answers.get('folder') ?? []).flatMap((line) => {
    const [, path, free] = /^(\/var\/tmp|\/tmp) ?(\d{1,15})?$/.exec(line) ?? []
    return path ? [{ path, freeKib: free === undefined ? undefined : Number(free) }] : []
  })
  if (places.length === 0) return fail('the user can write neither /var/tmp nor /tmp')
  const isNumber = /^\d{1,15}$/.test(one('place'))
  return {
    architecture,
    isRoot: one('user') === '0',
    hasSudo: one('sudo') === 'yes',
    hasGzip: one('gzip') === 'yes',
    places,
    freeKib: isNumber ? Number(one('place')) : undefined,
  }
}
