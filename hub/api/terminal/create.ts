// …/machines/NAME/exec: a shell or a program on a machine, for whoever speaks Kubernetes' exec over a WebSocket and for the dashboard.
import { type WebSocket, WebSocketServer } from 'ws'
import type { Clock } from '#shared/clock/clock.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import type { TerminalEnded } from '#shared/contract/terminal.ts'
import { terminalTarget } from '#shared/contract/tunnel.ts'
import { ApiError } from '#shared/errors/api-error.ts'
import { TerminalError } from '#shared/errors/terminal-reason.ts'
import { TunnelError } from '#shared/errors/tunnel-error.ts'
import { headBytes } from '#shared/kubernetes/head.ts'
import type { Resources } from '#hub/resources/types.ts'
import { openSession, type TerminalHandlers, type TerminalSession } from '#hub/terminal/session.ts'
import type { Tunnels } from '#hub/tunnel/types.ts'
import type { Upgrade, UpgradeRoute } from '../types.ts'
import { connectionLimits, createConnection, type Connection } from './connection.ts'
import { type Asked, ownProtocol, readRequest } from './request.ts'
import { failureBody, failureOf } from './status.ts'

export interface TerminalDeps {
  resources: Resources
  tunnels: Pick<Tunnels, 'open'>
  /** Whether the agent is connected. */
  isAlive(agentId: string): boolean
  clock: Clock
}

export interface Terminals {
  upgrade: UpgradeRoute
  /** Ends each of them, and tells its user why: a shell does not end by itself. None begins any more. */
  drain(): void
}

interface Parts extends TerminalDeps {
  server: WebSocketServer
  isDraining: boolean
  /** Of each that is open: ends it, because the hub goes. */
  open: Set<() => void>
}

export function createTerminals(deps: TerminalDeps): Terminals {
  const server = new WebSocketServer({
    ...{ noServer: true, clientTracking: false, perMessageDeflate: false, maxPayload: connectionLimits.messageBytes },
    // What is on its way to a slow reader at the end still has to arrive.
    ...{ closeTimeout: connectionLimits.stallMs },
  })
  const parts: Parts = { ...deps, server, isDraining: false, open: new Set() }
  return {
    upgrade: {
      path: `/apis/${apiVersion}/machines/:name/exec`,
      access: { verb: 'create', kind: 'Machine', subresource: 'exec' },
      sessions: true,
      handle: (upgrade) => handle(upgrade, parts),
    },
    drain() {
      parts.isDraining = true
      for (const end of parts.open) end()
    },
  }
}

async function handle(upgrade: Upgrade, parts: Parts): Promise<void> {
  const asked = readRequest(upgrade.request)
  const { name = '' } = upgrade.params
  if (!parts.resources.get('Machine', name))
    throw new ApiError('NotFound', `machines.moorline.dev "${name}" not found`, { kind: 'Machine', name })
  const detail = `terminal ${asked.request.tty ? 'with' : 'without'} tty: ${asked.request.command.join(' ') || 'login shell'}`
  if (asked.protocol === ownProtocol) return openAfterwards(upgrade, parts, asked, detail)

  // The machine is asked first: what it refuses is an ordinary answer.
  const early = createEarly()
  let session: TerminalSession
  try {
    session = await open(upgrade, asked, early.handlers, parts)
  } catch (error) {
    if (upgrade.signal.aborted || !isExpected(error)) throw error
    const failure = failureOf(error, name)
    const body = Buffer.from(failureBody(failure))
    const headers = {
      'content-type': 'application/json',
      'content-length': String(body.length),
      connection: 'close',
      'cache-control': 'no-store',
    }
    return upgrade.refused({
      status: failure.code,
      head: headBytes(failure.code, failure.reason, headers),
      body,
      detail: `${detail}: ${failure.message}`,
    })
  }
  try {
    await upgrade.accepted(detail)
    const connection = createConnection(await shakeHands(upgrade, parts.server, asked), asked, parts.clock)
    early.passTo(connection.handlers)
    run(upgrade, connection, session, name, parts)
  } catch (error) {
    session.close()
    throw error
  }
}

/** A page is told nothing of a refused upgrade, so it is told inside. */
async function openAfterwards(upgrade: Upgrade, parts: Parts, asked: Asked, detail: string): Promise<void> {
  await upgrade.accepted(detail)
  const connection = createConnection(await shakeHands(upgrade, parts.server, asked), asked, parts.clock)
  const { name = '' } = upgrade.params
  try {
    run(upgrade, connection, await open(upgrade, asked, connection.handlers, parts), name, parts)
  } catch (error) {
    if (upgrade.signal.aborted || !isExpected(error)) throw error
    const failure = failureOf(error, name)
    upgrade.note(failure.message)
    connection.end(failure)
  }
}

/** @throws TerminalError, TunnelError */
async function open(
  { user, params, signal }: Upgrade,
  { request }: Asked,
  handlers: TerminalHandlers,
  deps: TerminalDeps,
): Promise<TerminalSession> {
  const machine = deps.resources.get<Machine>('Machine', params.name ?? '')
  const { agentId, tunnelTargets } = machine?.status ?? {}
  if (!machine || agentId === undefined || machine.spec.revoked === true || machine.spec.approved !== true)
    throw new TerminalError('MachineNotReady', 'it has no identity that is accepted')
  if (!deps.isAlive(agentId)) throw new TunnelError('AgentUnreachable', 'it is not connected')
  if (tunnelTargets?.includes(terminalTarget) !== true) throw new TerminalError('TerminalNotAllowed', 'its policy does not allow terminals')
  const stream = await deps.tunnels.open(agentId, { target: terminalTarget, class: 'interactive', user: user.name, signal })
  return openSession(stream, request, handlers)
}

function run(upgrade: Upgrade, connection: Connection, session: TerminalSession, machine: string, { open, isDraining }: Parts): void {
  const { signal, socket } = upgrade
  let isTold = false
  const tell = (ended: TerminalEnded | TerminalError): void => {
    if (isTold) return
    isTold = true
    upgrade.note(ended instanceof TerminalError ? ended.message : `the program ${ended.message}`)
    connection.end(ended instanceof TerminalError ? failureOf(ended, machine) : ended)
  }
  const onLost = (): void => {
    session.close()
    // The socket is still there only when it is the hub that goes.
    if (!socket.destroyed) tell(new TerminalError('HubStopping', 'the hub is stopping'))
  }
  session.ended.then(tell, tell)
  connection.attach(session)
  if (signal.aborted || isDraining) return onLost()
  signal.addEventListener('abort', onLost, { once: true })
  open.add(onLost)
  socket.once('close', () => open.delete(onLost))
}

function shakeHands({ request, socket, head }: Upgrade, server: WebSocketServer, { protocol }: Asked): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    // With a key or version that is none, it answers itself and never calls back.
    socket.once('close', () => reject(new ApiError('BadRequest', 'the client has closed the connection')))
    request.headers['sec-websocket-protocol'] = protocol
    server.handleUpgrade(request, socket, head, resolve)
  })
}

const isExpected = (error: unknown): error is TerminalError | TunnelError => error instanceof TerminalError || error instanceof TunnelError

/** Keeps what comes before the client is there; a window at most. */
function createEarly(): { handlers: TerminalHandlers; passTo(handlers: TerminalHandlers): void } {
  const held: ['stdout' | 'stderr', Buffer][] = []
  let to: TerminalHandlers | undefined
  return {
    handlers: {
      onOutput: (stream, data) => (to ? to.onOutput(stream, data) : void held.push([stream, data])),
      onInputDrain: () => to?.onInputDrain(),
    },
    passTo(handlers) {
      to = handlers
      for (const [stream, data] of held.splice(0)) handlers.onOutput(stream, data)
    },
  }
}
