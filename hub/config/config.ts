// The hub's configuration: flags win over environment, environment over defaults. The table below is also what --help prints.
import { resolve } from 'node:path'
import { OperatorError } from '#shared/errors/api-error.ts'

export interface HubConfig {
  listen: { host: string; port: number }
  dataDir: string
  natsUrl?: string
  natsServer?: string
  /** Where users and agents reach the hub: https://host:port */
  publicUrl: string
  /** Where agents reach it, when that is another address. */
  agentUrl: string
  names: string[]
  webDir: string
  artifactsDir: string
  /** Container image of the agent, for registered clusters. Undefined: the one of this version. */
  agentImage?: string
  /** Minors of Kubernetes 1 that are supported. */
  kubernetesVersions: { oldest: number; newest: number }
  /** How often a cluster is looked at. */
  observeIntervalMs: number
  tlsCert?: string
  tlsKey?: string
  logLevel: 'debug' | 'info' | 'warn' | 'error'
  handshakesPerSecond: number
  failpoints?: string
}

interface Option {
  flag: string
  env: string
  fallback: string
  help: string
}

const options = {
  listen: { flag: 'listen', env: 'MOORLINE_LISTEN', fallback: '127.0.0.1:8443', help: 'host:port of the one TLS port' },
  data: { flag: 'data', env: 'MOORLINE_DATA', fallback: '.moorline', help: 'directory of all state' },
  natsUrl: { flag: 'nats-url', env: 'MOORLINE_NATS_URL', fallback: '', help: 'use this NATS cluster instead of the embedded server' },
  natsServer: {
    flag: 'nats-server',
    env: 'MOORLINE_NATS_SERVER',
    fallback: '',
    help: 'program of the embedded server, default: the usual places',
  },
  publicUrl: {
    flag: 'public-url',
    env: 'MOORLINE_PUBLIC_URL',
    fallback: '',
    help: 'address that users and agents reach, default https://LISTEN',
  },
  agentUrl: {
    flag: 'agent-url',
    env: 'MOORLINE_AGENT_URL',
    fallback: '',
    help: 'address that agents reach when it is another one than that of users, default the public URL',
  },
  names: {
    flag: 'names',
    env: 'MOORLINE_NAMES',
    fallback: '',
    help: 'more names and addresses for the web certificate, separated by commas',
  },
  webDir: { flag: 'web-dir', env: 'MOORLINE_WEB_DIR', fallback: 'dist/web', help: 'the built dashboard' },
  artifactsDir: { flag: 'artifacts-dir', env: 'MOORLINE_ARTIFACTS_DIR', fallback: 'dist', help: 'agent binaries to hand out' },
  agentImage: {
    flag: 'agent-image',
    env: 'MOORLINE_AGENT_IMAGE',
    fallback: '',
    help: 'container image of the agent in registered clusters, default moorline-agent:VERSION',
  },
  kubernetesVersions: {
    flag: 'kubernetes-versions',
    env: 'MOORLINE_KUBERNETES_VERSIONS',
    fallback: '1.28-1.31',
    help: 'supported versions of Kubernetes; others are read, with a condition',
  },
  observeSeconds: {
    flag: 'observe-seconds',
    env: 'MOORLINE_OBSERVE_SECONDS',
    fallback: '60',
    help: 'how often nodes and health of a cluster are read, 5 to 3600',
  },
  tlsCert: { flag: 'tls-cert', env: 'MOORLINE_TLS_CERT', fallback: '', help: 'certificate chain for browsers and kubectl (PEM)' },
  tlsKey: { flag: 'tls-key', env: 'MOORLINE_TLS_KEY', fallback: '', help: 'its key (PEM)' },
  logLevel: { flag: 'log-level', env: 'MOORLINE_LOG_LEVEL', fallback: 'info', help: 'debug, info, warn or error' },
  handshakes: {
    flag: 'handshakes-per-second',
    env: 'MOORLINE_HANDSHAKES_PER_SECOND',
    fallback: '400',
    help: 'agent TLS handshakes accepted per second at most',
  },
} as const satisfies Record<string, Option>

type OptionKey = keyof typeof options

function invalid(name: OptionKey, value: string, expected: string): OperatorError {
  const { flag, env } = options[name]
  return new OperatorError('InvalidConfiguration', `--${flag} (${env}) is '${value}'`, `Give ${expected}.`)
}

/** Parses `host:port`, `[v6]:port` or `:port`. */
export function parseListen(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]*)):([0-9]{1,5})$/.exec(text)
  if (!match) return undefined
  const port = Number(match[3])
  return port > 65535 ? undefined : { host: match[1] ?? (match[2] || '0.0.0.0'), port }
}

export function hubHelp(): string {
  const width = Math.max(...Object.values(options).map((option) => option.flag.length))
  const rows = Object.values(options).map(
    (option) => `  --${option.flag.padEnd(width)}  ${option.help} (${option.env}${option.fallback ? `, default ${option.fallback}` : ''})`,
  )
  return `Usage: moorline-hub [run] [flags]\n       moorline-hub backup --to FILE | restore --from FILE | login-link | rotate-ca | verify-audit [--from FILE]\n       moorline-hub new-credentials-key\n\n${rows.join('\n')}\n`
}

/** Splits argv into a command, our options and the rest; throws OperatorError on a flag that is not known. */
export function loadHubConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  commandFlags: readonly string[] = [],
): { config: HubConfig; extra: Record<string, string> } {
  const given = new Map<string, string>()
  const known = new Set<string>([...Object.values(options).map((option) => option.flag), ...commandFlags])
  for (let index = 0; index < argv.length; index++) {
    const [flag = '', inline] = (argv[index] as string).split(/=(.*)/s)
    if (!flag.startsWith('--') || !known.has(flag.slice(2)))
      throw new OperatorError('InvalidConfiguration', `'${argv[index]}' is not a flag of the hub`, 'See --help for the list.')
    const value = inline ?? argv[++index]
    if (value === undefined) throw new OperatorError('InvalidConfiguration', `${flag} has no value`, `Write ${flag} VALUE.`)
    given.set(flag.slice(2), value)
  }
  const read = (name: OptionKey): string => given.get(options[name].flag) ?? (env[options[name].env] || options[name].fallback)

  const listen = parseListen(read('listen'))
  if (!listen) throw invalid('listen', read('listen'), 'host:port, e.g. 127.0.0.1:8443')
  const logLevel = read('logLevel')
  if (logLevel !== 'debug' && logLevel !== 'info' && logLevel !== 'warn' && logLevel !== 'error')
    throw invalid('logLevel', logLevel, 'debug, info, warn or error')
  const handshakesPerSecond = Number(read('handshakes'))
  if (!(handshakesPerSecond >= 1 && handshakesPerSecond <= 100_000))
    throw invalid('handshakes', read('handshakes'), 'a number from 1 to 100000')
  const shownHost = listen.host === '0.0.0.0' || listen.host === '::' ? 'localhost' : listen.host
  const ownUrl = `https://${shownHost.includes(':') ? `[${shownHost}]` : shownHost}:${listen.port}`
  const readUrl = (name: 'publicUrl' | 'agentUrl', fallback: string): string => {
    const url = (read(name) || fallback).replace(/\/+$/, '')
    if (!/^https:\/\/[A-Za-z0-9.\-[\]:]+$/.test(url) || !URL.canParse(url)) throw invalid(name, url, 'https://host[:port] without a path')
    return url
  }
  const publicUrl = readUrl('publicUrl', ownUrl)
  const agentUrl = readUrl('agentUrl', publicUrl)
  if (Boolean(read('tlsCert')) !== Boolean(read('tlsKey'))) throw invalid('tlsCert', read('tlsCert'), 'both --tls-cert and --tls-key')
  const natsUrl = read('natsUrl')
  if (natsUrl && !/^(nats|tls):\/\/[^\s]+$/.test(natsUrl)) throw invalid('natsUrl', natsUrl, 'nats://host:port')

  const [, oldest = '', newest = ''] = /^1\.(\d{1,3})-1\.(\d{1,3})$/.exec(read('kubernetesVersions')) ?? []
  const kubernetesVersions = { oldest: Number(oldest), newest: Number(newest) }
  if (oldest === '' || kubernetesVersions.oldest > kubernetesVersions.newest)
    throw invalid('kubernetesVersions', read('kubernetesVersions'), 'the oldest and the newest, as in 1.28-1.31')
  const observeSeconds = Number(read('observeSeconds'))
  if (!(observeSeconds >= 5 && observeSeconds <= 3600)) throw invalid('observeSeconds', read('observeSeconds'), 'a number from 5 to 3600')
  const agentImage = read('agentImage')
  if (agentImage && !/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}$/.test(agentImage))
    throw invalid('agentImage', agentImage, '[registry/]name[:tag][@digest]')

  const names = new Set(['localhost', '127.0.0.1', '::1'])
  for (const url of [publicUrl, agentUrl]) names.add(new URL(url).hostname.replace(/^\[|\]$/g, ''))
  if (listen.host !== '0.0.0.0' && listen.host !== '::') names.add(listen.host)
  for (const name of read('names').split(',')) if (name.trim()) names.add(name.trim())

  return {
    config: {
      listen,
      dataDir: resolve(read('data')),
      natsUrl: natsUrl || undefined,
      natsServer: read('natsServer') || undefined,
      publicUrl,
      agentUrl,
      names: [...names],
      webDir: resolve(read('webDir')),
      artifactsDir: resolve(read('artifactsDir')),
      agentImage: agentImage || undefined,
      kubernetesVersions,
      observeIntervalMs: observeSeconds * 1000,
      tlsCert: read('tlsCert') || undefined,
      tlsKey: read('tlsKey') || undefined,
      logLevel,
      handshakesPerSecond,
      failpoints: env.MOORLINE_FAILPOINTS || undefined,
    },
    extra: Object.fromEntries(commandFlags.flatMap((flag) => (given.has(flag) ? [[flag, given.get(flag) as string]] : []))),
  }
}
