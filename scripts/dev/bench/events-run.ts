// One measurement of the events suite in a process of its own: DIRECTORY bare, or DIRECTORY AGENTS BATCH. Prints one line of JSON.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { systemClock } from '#shared/clock/clock.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import { silentLog } from '#shared/log/log.ts'
import { Event } from '#proto/moorline/v1/control.ts'
import { openStore } from '#hub/store/open.ts'
import { quantile } from './row.ts'

export interface EventFigures {
  perSecond: number
  /** Of a batch, in milliseconds; absent for the bare loop. */
  acknowledge?: { p50: number; p99: number }
}

const line = Buffer.alloc(200, 'x')
const secondsEach = 4

/** One bare loop: the physical limit of this disk and this library for rows of this size. */
function bareLoop(directory: string): EventFigures {
  const db = new Database(join(directory, `bare-${randomUUID()}.db`))
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec(
    'CREATE TABLE log (task TEXT, attempt INTEGER, sequence INTEGER, at TEXT, stream TEXT, data BLOB, PRIMARY KEY (task, attempt, sequence)) STRICT, WITHOUT ROWID',
  )
  const insert = db.prepare('INSERT INTO log VALUES (?, 1, ?, ?, ?, ?)')
  const task = randomUUID()
  const group = db.transaction((from: number) => {
    for (let index = 0; index < 100; index++) insert.run(task, from + index, new Date().toISOString(), 'stdout', line)
  })
  const startMs = performance.now()
  let rows = 0
  while (performance.now() - startMs < secondsEach * 1000) {
    group(rows)
    rows += 100
  }
  const perSecond = rows / ((performance.now() - startMs) / 1000)
  db.close()
  return { perSecond }
}

async function ours(directory: string, agents: number, batch: number): Promise<EventFigures> {
  const store = await openStore({ path: join(directory, `hub-${randomUUID()}.db`), log: silentLog, clock: systemClock })
  const uids = await Promise.all(
    Array.from({ length: agents }, async (_, index) => {
      const [machine, task] = [`m${index}`, `t${index}`]
      const agentId = agentIdOf(index)
      const uid = randomUUID()
      const base = { apiVersion, metadata: {} }
      await store.transact([
        {
          op: 'create',
          object: { ...base, kind: 'Machine', metadata: { name: machine, uid: randomUUID() }, spec: {}, status: { agentId } },
        },
        {
          op: 'create',
          object: {
            ...base,
            kind: 'Task',
            metadata: { name: task, uid },
            spec: { machine, action: 'exec' },
            status: { state: 'Running', attempt: 1 },
          },
        },
      ])
      return uid
    }),
  )
  const acknowledgeMs: number[] = []
  const startMs = performance.now()
  const endMs = startMs + secondsEach * 1000
  let committed = 0
  await Promise.all(
    uids.map(async (taskUid, index) => {
      let sequence = 0n
      while (performance.now() < endMs) {
        const events = Array.from({ length: batch }, () =>
          Event.fromPartial({
            sequence: ++sequence,
            taskUid,
            attempt: 1,
            at: new Date(),
            body: { $case: 'output', value: { stream: 'stdout', data: line } },
          }),
        )
        const sentMs = performance.now()
        const result = await store.applyEvents(agentIdOf(index), events)
        if (result.refused || BigInt(result.committedSequence) !== sequence) throw new Error(`batch refused: ${JSON.stringify(result)}`)
        acknowledgeMs.push(performance.now() - sentMs)
        committed += batch
      }
    }),
  )
  const perSecond = committed / ((performance.now() - startMs) / 1000)
  await store.close()
  return { perSecond, acknowledge: { p50: quantile(acknowledgeMs, 0.5), p99: quantile(acknowledgeMs, 0.99) } }
}

const agentIdOf = (index: number): string =>
  `a${String(index)
    .padStart(25, '2')
    .replaceAll(/[0189]/g, (digit) => 'wxyz'['0189'.indexOf(digit)] as string)}`

const [directory = '', agents = '', batch = ''] = process.argv.slice(2)
const figures = agents === 'bare' ? bareLoop(directory) : await ours(directory, Number(agents), Number(batch))
process.stdout.write(`${JSON.stringify(figures)}\n`)
