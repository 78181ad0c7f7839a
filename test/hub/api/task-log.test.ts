import { request as httpsRequest } from 'node:https'
import test from 'ava'
import type { Task } from '#shared/contract/task.ts'
import { Event } from '#proto/moorline/v1/control.ts'
import { until } from '#test/helpers/until.ts'
import { base, manifest, startApi, type TestApi } from './fixture.ts'

const agentId = `a${'b'.repeat(25)}`

async function startTask(api: TestApi): Promise<{ uid: string; send: (body: Event['body']) => Promise<void> }> {
  await api.resources.create('Machine', manifest('Machine', 'm1', {}))
  const machine = await api.resources.modify(
    'Machine',
    'm1',
    (object) => ({ ...object, status: { ...(object.status as object), agentId } }),
    {
      subresource: 'status',
    },
  )
  if (!machine) throw new Error('no machine')
  const task = await api.resources.create<Task>('Task', manifest('Task', 't1', { machine: 'm1', action: 'facts' }))
  const uid = task.metadata.uid as string
  let sequence = await api.store.committedSequence(agentId)
  const send = async (body: Event['body']) => {
    const event = Event.fromPartial({ sequence: BigInt(++sequence), taskUid: uid, attempt: 1, at: new Date(), body } as never)
    const result = await api.store.applyEvents(agentId, [event])
    if (result.refused) throw new Error(`${result.refused}: ${result.message}`)
  }
  return { uid, send }
}

const output = (text: string | Buffer, stream = 'stdout'): Event['body'] => ({
  $case: 'output',
  value: { stream, data: Buffer.from(text as string) },
})
const finished: Event['body'] = {
  $case: 'finished',
  value: { state: 'Succeeded', reason: 'Done', message: '', resultJson: Buffer.from('{}') },
}

function follow(api: TestApi, query: string): { text(): string; isEnded(): boolean } {
  let text = ''
  let isEnded = false
  httpsRequest(
    {
      host: '127.0.0.1',
      port: api.port,
      path: `${base}/tasks/t1/log?${query}`,
      ca: api.ca,
      agent: false,
      headers: { authorization: `Bearer ${api.adminToken}` },
    },
    (response) => {
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.on('end', () => (isEnded = true))
    },
  ).end()
  return { text: () => text, isEnded: () => isEnded }
}

test('a followed log arrives as it is written and ends with the attempt', async (t) => {
  const api = await startApi(t)
  const { send } = await startTask(api)
  await send({ $case: 'started', value: {} })
  await send(output('one\n'))
  const log = follow(api, 'follow=true')
  await until('the first line', () => log.text() === 'one\n')
  await send(output('two\n', 'stderr'))
  await until('the second line', () => log.text() === 'one\ntwo\n')
  t.false(log.isEnded())
  await send(output('three\n'))
  await send(finished)
  await until('the end', () => log.isEnded())
  t.is(log.text(), 'one\ntwo\nthree\n')
  const whole = await api.ask(`${base}/tasks/t1/log`, { token: api.adminToken })
  t.is(whole.text, 'one\ntwo\nthree\n')
})

test('a log can be read as JSON lines and resumed after a sequence number', async (t) => {
  const api = await startApi(t)
  const { send } = await startTask(api)
  await send({ $case: 'started', value: {} })
  await send(output('one\n'))
  await send(output('two\n', 'stderr'))
  await send(finished)
  const lines = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { sequence: number; stream: string; text: string; at: string })
  const all = lines((await api.ask(`${base}/tasks/t1/log?format=json`, { token: api.adminToken })).text)
  t.deepEqual(
    all.map(({ stream, text }) => [stream, text]),
    [
      ['stdout', 'one\n'],
      ['stderr', 'two\n'],
    ],
  )
  t.false(Number.isNaN(Date.parse(all[0]?.at ?? '')))
  const rest = lines(
    (await api.ask(`${base}/tasks/t1/log?format=json&follow=true&sinceSeq=${all[0]?.sequence}`, { token: api.adminToken })).text,
  )
  t.deepEqual(
    rest.map(({ text }) => text),
    ['two\n'],
  )
})

test('F-34: nothing a machine prints acts on a terminal', async (t) => {
  const api = await startApi(t)
  const { send } = await startTask(api)
  await send({ $case: 'started', value: {} })
  await send(output('\u001b]0;owned\u0007\u001b[2J\rfake\r\nzero\0 c1\u009b31m bidi\u202e tab\tend\n'))
  await send(output(Buffer.from([0xe2, 0x82])))
  await send(output(Buffer.from([0xac, 0xff, 0x0a])))
  await send(finished)
  const text = (await api.ask(`${base}/tasks/t1/log`, { token: api.adminToken })).text
  t.is(text, '\\x1b]0;owned\\x07\\x1b[2J\\x0dfake\nzero\\x00 c1\\x9b31m bidi\\u202e tab\tend\n€\ufffd\n')
  const json = (await api.ask(`${base}/tasks/t1/log?format=json`, { token: api.adminToken })).text
  t.notRegex(json, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
})

test('cancel asks once, and is no error for a task that has ended', async (t) => {
  const api = await startApi(t)
  const { send } = await startTask(api)
  const cancel = () => api.ask(`${base}/tasks/t1/cancel`, { method: 'POST', token: api.adminToken })
  t.is((await cancel()).json().spec.cancel, true)
  const version = api.store.currentResourceVersion()
  t.is((await cancel()).status, 200)
  t.is(api.store.currentResourceVersion(), version)
  await send(finished)
  t.is((await cancel()).status, 200)
  t.is((await api.ask(`${base}/tasks/nope/cancel`, { method: 'POST', token: api.adminToken })).status, 404)
})

test('a follower of a task that is deleted is let go', async (t) => {
  const api = await startApi(t)
  const { send } = await startTask(api)
  await send({ $case: 'started', value: {} })
  await send(output('one\n'))
  const log = follow(api, 'follow=true')
  await until('the first line', () => log.text() === 'one\n')
  await send(finished)
  await api.resources.delete('Task', 't1')
  await until('the end', () => log.isEnded())
  t.pass()
})
