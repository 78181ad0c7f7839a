// Simulated agents: the real link of the real agent, many times in one process, without a machine behind it. Reads one JSON line
// of options from standard input, prints JSON lines: {"event":"enrolled"|"up"|"stats", …}. Ends on SIGTERM.
//
//   node scripts/dev/simulator/main.ts < options.json      {"hub":{"host","port"},"pins":[…],"prefix":"sim-0","count":1000,"tokens":[…]}
import { setPriority } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import Type from 'typebox'
import Value from 'typebox/value'
import { createLink, type Link } from '#agent/link/link.ts'
import { Hello, OrderAck, OrderOutcome } from '#proto/moorline/v1/control.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { limits } from '#shared/contract/limits.ts'
import { silentLog } from '#shared/log/log.ts'
import { enrollAll, simulatedVersion } from './identity.ts'

const Options = Type.Object({
  hub: Type.Object({ host: Type.String(), port: Type.Integer() }),
  pins: Type.Array(Type.String()),
  prefix: Type.String(),
  count: Type.Integer({ minimum: 1 }),
  /** The token of agent i is tokens[i % tokens.length]. */
  tokens: Type.Array(Type.String(), { minItems: 1 }),
})

// These stand for other machines: the hub that is measured must not wait for a core that they hold.
setPriority(10)

const say = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`)

// Nobody reads any more: whoever started this is gone.
process.stdout.on('error', () => process.exit(1))

async function readOptions(): Promise<unknown> {
  for await (const line of createInterface({ input: process.stdin })) return JSON.parse(line)
  return undefined
}

const options = await readOptions()
if (!Value.Check(Options, options)) throw new Error('standard input must hold one JSON line of options; see the head of this file')
const { hub, pins, prefix, count, tokens } = options

let saidMs = 0
const identities = await enrollAll(
  {
    hub,
    pins,
    names: Array.from({ length: count }, (_, index) => `${prefix}-${index}`),
    tokens: Array.from({ length: count }, (_, index) => tokens[index % tokens.length] as string),
  },
  (enrolled) => {
    if (performance.now() - saidMs < 1_000 && enrolled < count) return
    saidMs = performance.now()
    say({ event: 'enrolled', count: enrolled })
  },
)

const refusal = (taskUid: string, attempt: number) =>
  OrderAck.fromPartial({ taskUid, attempt, outcome: OrderOutcome.REFUSED, reason: 'Simulated', message: 'a simulated agent runs nothing' })
let upCount = 0
let lastError = ''
const links: Link[] = identities.map(({ identity, machineFingerprint }) => {
  const link = createLink({
    identity,
    hub,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    hello: () =>
      Hello.fromPartial({
        protocolVersion: limits.protocolVersion,
        agentVersion: simulatedVersion,
        bootId: identity.agentId,
        machineFingerprint,
        sessionId: identity.agentId,
        allowedActions: [],
        tunnelTargets: [],
        certificateSerial: identity.serial,
      }),
    handlers: {
      onTask: () => Promise.resolve(refusal('', 0)),
      onCancel: () => Promise.resolve(refusal('', 0)),
      onNotice: () => {},
    },
  })
  link.onUp(() => upCount++)
  link.onDown(() => upCount--)
  return link
})
// Machines do not start at the same instant, and this one process has to do the handshakes of all: so many at once, no more.
const startingAtOnce = 50
let next = 0
async function startOneAfterAnother(): Promise<void> {
  for (let link = links[next++]; link !== undefined; link = links[next++]) {
    const isUp = new Promise<void>((resolve) => void link?.onUp(() => resolve()))
    link.start()
    await isUp
  }
}
void Promise.all(Array.from({ length: startingAtOnce }, startOneAfterAnother))

const delay = monitorEventLoopDelay()
delay.enable()
const report = setInterval(() => {
  const phases: Record<string, number> = {}
  const roundTripsMs: number[] = []
  for (const link of links) {
    const state = link.state()
    phases[state.phase] = (phases[state.phase] ?? 0) + 1
    for (const plane of state.planes) if (plane.name === 'nats' && plane.roundTripUs > 0) roundTripsMs.push(plane.roundTripUs / 1000)
    if (state.lastError) lastError = state.lastError.message
  }
  roundTripsMs.sort((a, b) => a - b)
  say({
    event: 'stats',
    up: upCount,
    phases,
    roundTripP50Ms: roundTripsMs[roundTripsMs.length >> 1],
    roundTripP99Ms: roundTripsMs[Math.floor(roundTripsMs.length * 0.99)],
    lastError,
    stallMs: Math.round(delay.max / 1e6),
  })
  delay.reset()
}, 1_000)

process.once('SIGTERM', () => {
  clearInterval(report)
  void Promise.all(links.map((link) => link.stop())).then(() => process.exit(0))
})
