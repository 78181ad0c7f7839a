// What this machine allows its hub to do. The file belongs to the machine's owner; nothing the hub sends can widen it, and a file
// that cannot be read or understood stops the agent instead of meaning "default".
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, normalize } from 'node:path'
import Type, { type Static } from 'typebox'
import type { Policy, PolicyVerdict } from '#agent/tasks/policy.ts'
import { actionNames, type ActionName, type ExecInput, type FileInput } from '#shared/contract/actions.ts'
import { AgentError, messageOf } from '#shared/errors/agent-error.ts'
import { kubeTarget, terminalTarget } from '#shared/contract/tunnel.ts'
import { KubernetesPolicy } from './kubernetes.ts'
import { matchesPath } from './path-pattern.ts'
import { schemaProblem } from './schema-problem.ts'
import { TerminalPolicy } from './terminal.ts'
import { TunnelPolicy, tunnelPolicyProblem } from './tunnel-targets.ts'

const closed = { additionalProperties: false } as const
const paths = Type.Array(Type.String({ pattern: '^/', maxLength: 4096 }), { maxItems: 1024 })

export const PolicyFile = Type.Object(
  {
    allowedActions: Type.Optional(Type.Array(Type.Enum([...actionNames]), { description: 'default preflight, facts, file' })),
    exec: Type.Optional(
      Type.Object(
        {
          commands: Type.Optional(
            Type.Array(Type.String({ minLength: 1, maxLength: 4096 }), {
              maxItems: 1024,
              description: 'programs that exec may start, exactly as the task names them; without the list every program',
            }),
          ),
        },
        closed,
      ),
    ),
    file: Type.Optional(
      Type.Object(
        {
          paths: Type.Optional(Type.Intersect([paths], { description: 'what file may write: a path, dir/** for all below; default /**' })),
          deny: Type.Optional(Type.Intersect([paths], { description: 'added to what is always denied' })),
        },
        closed,
      ),
    ),
    tunnel: Type.Optional(TunnelPolicy),
    kubernetes: Type.Optional(KubernetesPolicy),
    terminal: Type.Optional(TerminalPolicy),
  },
  closed,
)
export type PolicyFile = Static<typeof PolicyFile>

export const defaultPolicyPath = '/etc/moorline/agent-policy.json'
const defaultActions: readonly ActionName[] = ['preflight', 'facts', 'file']

/** Whoever can write one of these becomes root or makes the agent another agent: the hub may not, whatever the file says. */
const deniedAlways = [
  ...['/etc/moorline/**', '/etc/systemd/system/moorline-agent.service', '/etc/systemd/system/moorline-agent.service.d/**'],
  ...['/usr/local/bin/moorline-agent*', '/etc/sudoers', '/etc/sudoers.d/**', '/etc/cron*', '/etc/cron*/**', '/etc/anacrontab'],
  ...[
    '/var/spool/cron/**',
    '/var/spool/at/**',
    '/etc/passwd*',
    '/etc/shadow*',
    '/etc/group*',
    '/etc/gshadow*',
    '/etc/subuid*',
    '/etc/subgid*',
  ],
  ...['/etc/pam.d/**', '/etc/pam.conf', '/etc/security/**', '/etc/polkit-1/**', '/etc/ssh/**', '/**/.ssh/**', '/etc/ld.so.preload'],
  ...['/root/.*', '/root/.*/**', '/home/*/.*', '/home/*/.*/**', '/proc/**', '/sys/**', '/dev/**'],
]

/** These are run as root by something else sooner or later. A policy that lists file.paths itself says that it wants them. */
const deniedByDefault = [
  ...['/bin/**', '/sbin/**', '/lib/**', '/lib64/**', '/usr/**', '/opt/**', '/boot/**', '/run/**', '/etc/systemd/**', '/etc/init.d/**'],
  ...[
    '/etc/rc.local',
    '/etc/udev/**',
    '/etc/modprobe.d/**',
    '/etc/ld.so.conf',
    '/etc/ld.so.conf.d/**',
    '/etc/profile',
    '/etc/profile.d/**',
  ],
  ...['/etc/bash.bashrc', '/etc/environment', '/etc/nsswitch.conf', '/etc/apt/**', '/etc/kubernetes/manifests/**'],
]

export interface AgentPolicy extends Policy {
  /** For Hello. */
  allowedActions(): string[]
  /** What the hub may connect to through this machine, by name. */
  tunnelTargets(): Readonly<Record<string, { host: string; port: number }>>
  /** Undefined: this agent does not lead to a cluster's API. */
  kubernetes(): KubernetesPolicy | undefined
  /** Undefined: no terminals on this machine. */
  terminal(): TerminalPolicy | undefined
  /** For Hello: every name that a tunnel stream can be opened to, sorted. */
  targetNames(): string[]
  /** The file it came from; undefined is the built-in default. */
  source: string | undefined
}

/** @throws AgentError PolicyInvalid with the file and the field */
export function readPolicy({ stateDir, policyFile }: { stateDir: string; policyFile?: string }): AgentPolicy {
  const candidates = [defaultPolicyPath, join(stateDir, 'policy.json')]
  const path = policyFile ?? candidates.find((candidate) => existsSync(candidate))
  return createPolicy(path === undefined ? {} : parsePolicy(path), path, [stateDir, ...(path === undefined ? [] : [path])])
}

function parsePolicy(path: string): PolicyFile {
  let parsed: unknown
  try {
    // Anybody who may write the file decides what root does here.
    if ((statSync(path).mode & 0o022) !== 0) throw new Error('must not be writable by group or others')
    parsed = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new AgentError('PolicyInvalid', `${path}: ${messageOf(error)}`, error)
  }
  const problem = schemaProblem(PolicyFile, parsed)
  if (problem) throw new AgentError('PolicyInvalid', `${path}: ${problem.field || 'the document'}: ${problem.message}`)
  const policy = parsed as PolicyFile
  const tunnelProblem = tunnelPolicyProblem(policy.tunnel)
  if (tunnelProblem) throw new AgentError('PolicyInvalid', `${path}: ${tunnelProblem}`)
  return policy
}

/** `own` are paths of the agent itself: never a target of `file`, with everything below them. */
export function createPolicy(file: PolicyFile, source: string | undefined, own: readonly string[]): AgentPolicy {
  const allowed = new Set<string>(file.allowedActions ?? defaultActions)
  const denied = [
    ...deniedAlways,
    ...(file.file?.paths ? [] : deniedByDefault),
    ...own.flatMap((path) => [normalize(path), `${normalize(path)}/**`]),
    ...(file.file?.deny ?? []),
  ]
  const writable = file.file?.paths ?? ['/**']
  const commands = file.exec?.commands
  const where = source ?? `the default policy (${defaultPolicyPath} changes it)`
  const refuse = (reason: string, message: string): PolicyVerdict => ({ ok: false, reason, message })

  const allowsFile = ({ path }: FileInput): PolicyVerdict => {
    if (path !== normalize(path) || path.includes('\0'))
      return refuse('PathNotAllowed', `${path} has . or .. segments, doubled slashes or NUL`)
    const rule = denied.find((pattern) => matchesPath(path, pattern))
    if (rule !== undefined) return refuse('PathNotAllowed', `${path} is denied to the hub by the rule ${rule} of ${where}`)
    if (!writable.some((pattern) => matchesPath(path, pattern)))
      return refuse('PathNotAllowed', `${path} is not among file.paths of ${where}`)
    return { ok: true }
  }
  const allowsExec = ({ command }: ExecInput): PolicyVerdict =>
    commands === undefined || commands.includes(command[0] ?? '')
      ? { ok: true }
      : refuse('CommandNotAllowed', `${command[0]} is not among exec.commands of ${where}`)

  return {
    source,
    allowedActions: () => [...allowed].sort(),
    tunnelTargets: () => file.tunnel?.targets ?? {},
    kubernetes: () => file.kubernetes,
    terminal: () => file.terminal,
    targetNames: () =>
      [
        ...Object.keys(file.tunnel?.targets ?? {}),
        ...(file.kubernetes ? [kubeTarget] : []),
        ...(file.terminal ? [terminalTarget] : []),
      ].sort(),
    allows(action, input) {
      if (!allowed.has(action)) return refuse('ActionNotAllowed', `${action} is not among allowedActions of ${where}`)
      if (action === 'file') return allowsFile(input as FileInput)
      if (action === 'exec') return allowsExec(input as ExecInput)
      return { ok: true }
    },
  }
}
