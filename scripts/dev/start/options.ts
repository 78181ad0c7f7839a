// What `npm start` can be told: flags win over environment, environment over defaults.
import { isAbsolute, join } from 'node:path'
import { parseArgs } from 'node:util'
import { OperatorError } from '#shared/errors/api-error.ts'
import { repositoryRoot } from '../root.ts'

export interface StartOptions {
  hasAgent: boolean
  host: string
  port: number
  /** As given, for messages and for the hub's own flag. */
  listen: string
  /** Absolute. */
  dataDir: string
  natsUrl: string | undefined
  agentUrl?: string
  agentImage?: string
}

export const startHelp = `npm start -- [flags]

  --listen HOST:PORT   address of the hub's one port (MOORLINE_LISTEN, default 127.0.0.1:8443)
  --data DIR           where all state lives (MOORLINE_DATA, default .moorline)
  --nats-url URL       use an external NATS server instead of starting one
  --agent-url URL      address that agents reach when this machine's browser uses another one
  --agent-image IMAGE  container image of the agent in registered clusters
  --no-agent           start the hub alone
`

export function readOptions(args: readonly string[], environment: Readonly<Record<string, string | undefined>>): StartOptions | 'help' {
  const { values } = parse(args)
  if (values.help) return 'help'
  const listen = values.listen ?? (environment['MOORLINE_LISTEN'] || '127.0.0.1:8443')
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(listen)
  const port = Number(match?.[3])
  if (!match || port < 1 || port > 65_535) {
    throw new OperatorError(
      'ListenInvalid',
      `'${listen}' is not an address to listen on.`,
      'Give HOST:PORT, for example --listen 127.0.0.1:9443',
    )
  }
  const data = values.data ?? (environment['MOORLINE_DATA'] || '.moorline')
  return {
    hasAgent: !values['no-agent'],
    host: match[1] ?? match[2] ?? '',
    port,
    listen,
    dataDir: isAbsolute(data) ? data : join(repositoryRoot, data),
    natsUrl: values['nats-url'],
    agentUrl: values['agent-url'],
    agentImage: values['agent-image'],
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        'no-agent': { type: 'boolean', default: false },
        listen: { type: 'string' },
        data: { type: 'string' },
        'nats-url': { type: 'string' },
        'agent-url': { type: 'string' },
        'agent-image': { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    throw new OperatorError('FlagUnknown', (error as Error).message, `The flags are:\n\n${startHelp}`)
  }
}
