// The writer's core without its thread, where the disk can be made to fail.
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openDatabase } from '#hub/store/database.ts'
import { objectText } from '#hub/store/object-text.ts'
import type { Command } from '#hub/store/commands.ts'
import { createGroupWriter } from '#hub/store/writer/group.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { object } from './support.ts'

async function writer(t: ExecutionContext) {
  const db = openDatabase(join(await tempDir(t), 'hub.db'))
  t.teardown(() => db.close())
  return { db, run: createGroupWriter(db) }
}

function create(name: string, size = 10): Command {
  const made = object('Machine', name, { text: 'x'.repeat(size) })
  return { type: 'transact', ops: [{ op: 'create', kind: 'Machine', name, uid: name, text: objectText(made) }] }
}
const audit = (name: string): Command => ({
  type: 'appendAudit',
  entry: { at: '', user: 'u', verb: 'get', resource: 'r', name, decision: 'allow', result: '200', remoteAddress: '' },
})
const number = (commands: Command[]) => commands.map((command, id) => ({ id, command }))

test('a full disk refuses the writes, harms nothing, and writing goes on when there is room again', async (t) => {
  const { db, run } = await writer(t)
  run(number([create('first'), audit('a')]))
  const pages = db.pragma('page_count', { simple: true }) as number
  db.pragma(`max_page_count = ${pages + 4}`)
  const refused = run(number([create('small'), create('big', 1_000_000), audit('b')]))
  t.true(refused.replies.every((reply) => reply.error?.name === 'StorageError'))
  t.deepEqual(refused.changes, [])
  t.false(db.inTransaction)
  t.is(db.pragma('quick_check', { simple: true }), 'ok')
  db.pragma('max_page_count = 1000000')
  const later = run(number([create('small'), audit('c')]))
  t.deepEqual(
    later.replies.map((reply) => reply.error),
    [undefined, undefined],
  )
  t.deepEqual(later.replies[1]?.value, { ...(later.replies[1]?.value as object), id: 2 })
  // Numbers of what was refused are not used again.
  t.true((later.changes[0]?.version ?? 0) > 1)
})

test('only reads need no transaction', async (t) => {
  const { db, run } = await writer(t)
  db.pragma('query_only = ON')
  t.deepEqual(run(number([{ type: 'getSetting', key: 'x' }])).replies, [{ id: 0, value: undefined }])
})
