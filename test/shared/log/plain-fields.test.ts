import test from 'ava'
import { createLog as createAgentLog } from '#agent/cli/log.ts'
import { createLog as createHubLog } from '#hub/observability/log.ts'
import { plainFields } from '#shared/log/plain-fields.ts'

test('bytes, dates, cycles and what throws when it is read become plain values', (t) => {
  const loop: Record<string, unknown> = {}
  loop.loop = loop
  const hostile = {
    get now(): string {
      throw new Error('not now')
    },
  }
  const plain = plainFields({ nonce: Buffer.from('abc'), at: new Date(0), list: [new Uint8Array(2)], count: 5, loop, deep: { hostile } })
  t.like(plain, { nonce: '<3 bytes>', at: '1970-01-01T00:00:00.000Z', list: ['<2 bytes>'], count: 5 })
  t.deepEqual(plain.deep, { hostile: '<unreadable: not now>' })
  t.regex(JSON.stringify(plain.loop), /<deep>/)
})

test('a line with bytes in it, in an error or in a child is written and does not throw', (t) => {
  let text = ''
  const error = Object.assign(new Error('parse error'), { rawPacket: Buffer.from('GET'), token: 'S3CRET', code: 'HPE_INVALID' })
  const hub = createHubLog({ level: 'info', destination: { write: (line) => void (text += line) } })
  for (const log of [hub, createAgentLog('error')]) {
    t.notThrows(() => log.warn({ nested: { bytes: Buffer.from('abc'), token: 'S3CRET' }, error }, 'refused'))
    t.notThrows(() => log.child({ bytes: Buffer.from('abc') }).info({}, 'child'))
  }
  t.regex(text, /"bytes":"<3 bytes>"[\s\S]*parse error[\s\S]*"rawPacket":"<3 bytes>".*"errorCode":"HPE_INVALID"/)
  t.notRegex(text, /S3CRET/)
})
