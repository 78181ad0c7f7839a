// The agent's configuration: flag before environment before stateDir/config.json before default. The only module beside main.ts
// that is given the process environment.
import { join } from 'node:path'
import { AgentSettings, optionRecords, stateDirOption } from '#agent/config/options.ts'
import { parseProxy, type Proxy, proxyFor } from '#agent/config/proxy.ts'
import { schemaProblem } from '#agent/config/schema-problem.ts'
import { readIfThere, writeDurable } from '#agent/enroll/files.ts'
import type { Endpoint } from '#agent/link/dialer.ts'
import { AgentError, messageOf } from '#shared/errors/agent-error.ts'

export type Environment = Readonly<Record<string, string | undefined>>
export type Flags = Readonly<Record<string, string | string[] | boolean | undefined>>

export interface AgentConfig {
  stateDir: string
  hub?: Endpoint
  pins: string[]
  /** Already judged against noProxy for the hub: undefined is a direct connection. */
  proxy?: Proxy
  noProxy: string
  policyFile?: string
  tokenFile?: string
  /** Of the agent's own cluster. */
  identitySecret?: { namespace: string; name: string }
  logLevel: 'debug' | 'info' | 'warn' | 'error'
  failpoints: string
}

const loopback = 'localhost,127.0.0.1,::1'

/** @throws AgentError ConfigInvalid naming the flag, variable or field */
export function readConfig(flags: Flags, env: Environment): AgentConfig {
  const stateDir = text(flags[stateDirOption.flag]) ?? env[stateDirOption.env] ?? stateDirOption.default
  if (!stateDir.startsWith('/')) throw new AgentError('ConfigInvalid', `--${stateDirOption.flag}: must be an absolute path`)
  const file = readFile(join(stateDir, 'config.json'))
  const settings: Record<string, unknown> = {}
  const sources = new Map<string, string>()
  for (const { name, flag, env: variable, isList } of optionRecords) {
    const fromFlag = flag === undefined ? undefined : flags[flag]
    const fromEnv = env[variable] === '' ? undefined : env[variable]
    const value = fromFlag ?? (isList ? fromEnv?.split(',').map((item) => item.trim()) : fromEnv) ?? file[name]
    if (value === undefined) continue
    settings[name] = isList && !Array.isArray(value) ? [value] : value
    sources.set(name, fromFlag !== undefined ? `--${flag}` : fromEnv !== undefined ? variable : `${join(stateDir, 'config.json')}: ${name}`)
  }
  check(settings, (name) => sources.get(name) ?? name)
  const { hub, pins = [], proxy: proxyUrl, noProxy, policyFile, tokenFile, identitySecret, logLevel = 'info' } = settings as AgentSettings
  const endpoint = hub === undefined ? undefined : parseHub(hub, sources.get('hub') ?? 'hub')
  const proxy = proxyUrl === undefined ? undefined : parseProxy(proxyUrl, sources.get('proxy') ?? 'proxy')
  const listed = noProxy ?? (env.NO_PROXY || env.no_proxy || '')
  return {
    stateDir,
    hub: endpoint,
    pins,
    proxy: endpoint ? proxyFor(endpoint.host, proxy, listed) : proxy,
    noProxy: listed,
    policyFile,
    tokenFile,
    identitySecret: identitySecret === undefined ? undefined : parseSecret(identitySecret),
    logLevel,
    failpoints: env.MOORLINE_FAILPOINTS ?? '',
  }
}

/**
 * Remembers what enrolment was told, so that `run` needs no arguments. The proxy is not copied: it stays where the service gets it, so
 * that a password is in one place and taking the variable away takes the proxy away.
 */
export function saveConfig({ stateDir, hub, pins, policyFile }: AgentConfig): void {
  const settings: AgentSettings = {
    ...(hub ? { hub: `${hub.host.includes(':') ? `[${hub.host}]` : hub.host}:${hub.port}` } : {}),
    ...(pins.length > 0 ? { pins } : {}),
    ...(policyFile === undefined ? {} : { policyFile }),
  }
  writeDurable(join(stateDir, 'config.json'), `${JSON.stringify(settings, undefined, 2)}\n`)
}

/** What goes around a proxy, complete, as `status` shows it. */
export function shownNoProxy(config: AgentConfig): string {
  return config.noProxy === '' ? loopback : `${config.noProxy},${loopback}`
}

/** @throws AgentError ConfigInvalid */
export function parseHub(value: string, field: string): Endpoint {
  const at = value.lastIndexOf(':')
  const port = Number(value.slice(at + 1))
  const host = value.slice(0, at).replace(/^\[|\]$/g, '')
  if (host === '' || !Number.isInteger(port) || port < 1 || port > 65535)
    throw new AgentError('ConfigInvalid', `${field}: must be host:port`)
  return { host, port }
}

/** The pattern of the setting has been checked. */
function parseSecret(value: string): { namespace: string; name: string } {
  const [namespace = '', name = ''] = value.split('/')
  return { namespace, name }
}

function readFile(path: string): AgentSettings {
  const content = readIfThere(path)
  if (content === undefined) return {}
  let parsed: unknown
  try {
    parsed = JSON.parse(content)
  } catch (error) {
    throw new AgentError('ConfigInvalid', `${path}: ${messageOf(error)}`, error)
  }
  check(parsed, (name) => `${path}: ${name}`)
  return parsed as AgentSettings
}

function check(settings: unknown, where: (name: string) => string): void {
  const problem = schemaProblem(AgentSettings, settings)
  if (!problem) return
  const [name = ''] = problem.field.split('.')
  throw new AgentError('ConfigInvalid', `${where(name || 'the document')}: ${problem.message}`)
}

function text(value: string | string[] | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
