// A user that has been asked something may still publish only what its permissions list: the server grants no right to answer
// wherever a request said, which would lend an agent the hub's rights, and keeps no memory of what it was asked.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import type { NatsConnection } from 'nats'
import { fromAgent, toAgent } from '#shared/contract/subjects.ts'
import { connectTo } from '#hub/gateway/bus/connection.ts'
import { hubUserJwt } from '#hub/gateway/nats/account.ts'
import { loadNatsKeys } from '#hub/gateway/nats/keys.ts'
import { until } from '#test/helpers/until.ts'
import { type Fixture, startFixture } from '../fixture.ts'

let fixture: Fixture
/** A second connection with the hub's own credentials, without the hub's code around it. */
let hub: NatsConnection
test.before(async () => {
  fixture = await startFixture()
  await until('the hub to reach NATS', () => fixture.gateway.readiness().every(({ ok }) => ok))
  const directory = join(fixture.dataDir, 'nats')
  const keys = await loadNatsKeys(directory)
  const ports = join(directory, 'ports')
  const file = (await readdir(ports)).find((name) => name.endsWith('.ports')) as string
  const port = Number(/:(\d+)"/.exec(await readFile(join(ports, file), 'utf8'))?.[1])
  hub = await connectTo({ host: '127.0.0.1', port, isTls: false }, 'second', { jwt: await hubUserJwt(keys), seed: keys.hubUser.seed })
})
test.after.always(async () => {
  await hub?.close()
  await fixture?.close()
})

/** `asked` gets a message whose reply subject is `reply` and publishes there; resolves with what the server says to it. */
async function answers(asked: NatsConnection, asking: NatsConnection, subject: string, reply: string): Promise<string> {
  const said: string[] = []
  void (async () => {
    for await (const status of asked.status()) if (status.type === 'error') said.push(String(status.data))
  })()
  const isAsked = new Promise<void>((resolve) => {
    asked.subscribe(subject, {
      max: 1,
      callback: (_, message) => {
        message.respond(Buffer.from('answer'))
        resolve()
      },
    })
  })
  await asked.flush()
  asking.publish(subject, Buffer.from('question'), { reply })
  await isAsked
  // What the server says to the answer comes before its pong.
  await asked.flush()
  await setImmediate()
  return said.join()
}

test('the hub may not publish where an agent asks for the answer', async (t) => {
  const agent = await fixture.agent()
  const connection = await fixture.natsConnect(agent)
  t.teardown(() => connection.close())
  t.regex(await answers(hub, connection, fromAgent.hello(agent.agentId), 'fleet.elsewhere'), /PERMISSIONS_VIOLATION/)
})

test('an agent may not publish where an order asks for the answer', async (t) => {
  const agent = await fixture.agent()
  const connection = await fixture.natsConnect(agent)
  t.teardown(() => connection.close())
  t.regex(await answers(connection, hub, toAgent.task(agent.agentId), 'elsewhere'), /PERMISSIONS_VIOLATION/)
})
