// What was there before each change to the machine, so that leaving puts it back. Owns stateDir/undo (0700, files 0600).
//
//   NNNNNN.json  the record: path and what was there (nothing, or hash, mode, owner)
//   NNNNNN.data  the content that was there; written and synced before the record that names it
//   kept/        versions that someone else had made since, saved before they were put back
//
// Written before the change it is about; deleted only after its restore is durable. So undoing may be killed and repeated.
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '#shared/clock/clock.ts'
import { OperatorError } from '#shared/errors/api-error.ts'
import { messageOf } from '#shared/errors/agent-error.ts'
import { failpoint } from '#shared/flow/failpoint.ts'
import type { Log } from '#shared/log/log.ts'
import type { Host } from '#agent/host/types.ts'
import { type FileState, fileState, sameState } from './file-state.ts'

export interface UndoRecord {
  id: number
  at: string
  taskUid: string
  attempt: number
  path: string
  /** sha256 undefined: there was no such file. */
  before: FileState
  /** What the change was about to make of it. */
  after: FileState
}

export interface UndoOutcome {
  path: string
  outcome: 'restored' | 'removed' | 'unchanged' | 'failed'
  message: string
}

export interface UndoJournal {
  /** Durable when it returns. */
  record(entry: Omit<UndoRecord, 'id' | 'at'>, content: Buffer | undefined): UndoRecord
  /** The first record that this attempt of a task made about a path. */
  find(taskUid: string, attempt: number, path: string): UndoRecord | undefined
  /** Where the content of a record is kept; undefined when there was no file. */
  backupOf(record: UndoRecord): string | undefined
  /** Puts everything back in reverse order. Safe to repeat; what failed stays recorded. */
  undoAll(): Promise<UndoOutcome[]>
}

/** Of each path the first record (what leaving restores) and this many of the latest are kept. */
const keptPerPath = 4

export function openUndoJournal({ stateDir, host, clock, log }: { stateDir: string; host: Host; clock: Clock; log: Log }): UndoJournal {
  const directory = join(stateDir, 'undo')
  const nameOf = (id: number, kind: 'json' | 'data') => join(directory, `${String(id).padStart(6, '0')}.${kind}`)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  chmodSync(directory, 0o700)

  const names = readdirSync(directory).filter((name) => /^[0-9]{6,}\.json$/.test(name))
  const unreadable: UndoOutcome[] = []
  let records: UndoRecord[] = []
  for (const name of names.sort())
    try {
      records.push(parse(join(directory, name), Number(name.slice(0, -5))))
    } catch (error) {
      // One damaged record must not keep the agent from working, nor the others from being undone; it is never deleted.
      log.error({ file: name, error: messageOf(error) }, 'a record of the undo journal is damaged')
      unreadable.push({
        path: join(directory, name),
        outcome: 'failed',
        message: `${messageOf(error)}. ${(error as OperatorError).next ?? ''}`,
      })
    }

  function forget(record: UndoRecord): void {
    // The record first: content without a record is harmless, a record without its content is not.
    rmSync(nameOf(record.id, 'json'), { force: true })
    syncDirectory(directory)
    rmSync(nameOf(record.id, 'data'), { force: true })
  }

  let nextId = Math.max(0, ...names.map((name) => Number(name.slice(0, -5)))) + 1

  function contentOf(record: UndoRecord): Buffer {
    const content = readFileSync(nameOf(record.id, 'data'))
    if (createHash('sha256').update(content).digest('hex') !== record.before.sha256) throw damaged(nameOf(record.id, 'data'))
    return content
  }

  async function keepForeign(record: UndoRecord): Promise<string> {
    const content = await host.readBytes(record.path)
    const name = join(directory, 'kept', `${String(record.id).padStart(6, '0')}.data`)
    mkdirSync(join(directory, 'kept'), { recursive: true, mode: 0o700 })
    if (content) writeDurably(name, content)
    return `; it had been changed since by someone else, that version is kept in ${name}`
  }

  async function undo(record: UndoRecord, isLatest: boolean): Promise<UndoOutcome> {
    const { path, before, after } = record
    const now = await fileState(host, path)
    if (sameState(now, before)) return { path, outcome: 'unchanged', message: `${path} is as it was before` }
    const content = before.sha256 === undefined ? undefined : contentOf(record)
    const note = isLatest && now.sha256 !== undefined && now.sha256 !== after.sha256 ? await keepForeign(record) : ''
    if (content === undefined) {
      await host.removeFile(path)
      return { path, outcome: 'removed', message: `${path} was removed: it was not there before${note}` }
    }
    await host.writeFileAtomic(path, content, { mode: before.mode, uid: before.uid, gid: before.gid })
    return { path, outcome: 'restored', message: `${path} was put back${note}` }
  }

  return {
    record(entry, content) {
      const record: UndoRecord = { id: nextId, at: clock.now().toISOString(), ...entry }
      if (content) writeDurably(nameOf(record.id, 'data'), content)
      const text = JSON.stringify(record)
      writeDurably(nameOf(record.id, 'json'), Buffer.from(`${digestOf(text)}\n${text}\n`))
      nextId++
      records.push(record)
      const same = records.filter((other) => other.path === record.path)
      for (const old of same.slice(1, -keptPerPath)) {
        forget(old)
        records = records.filter((other) => other !== old)
      }
      failpoint('agent.undo.recorded')
      return record
    },
    find: (taskUid, attempt, path) =>
      records.find((record) => record.taskUid === taskUid && record.attempt === attempt && record.path === path),
    backupOf: (record) => (existsSync(nameOf(record.id, 'data')) ? nameOf(record.id, 'data') : undefined),
    async undoAll() {
      const outcomes: UndoOutcome[] = [...unreadable]
      const seen = new Set<string>()
      for (const record of [...records].reverse()) {
        try {
          outcomes.push(await undo(record, !seen.has(record.path)))
          forget(record)
          records = records.filter((other) => other !== record)
        } catch (error) {
          log.error({ path: record.path, error: messageOf(error) }, 'a file could not be put back')
          outcomes.push({ path: record.path, outcome: 'failed', message: `${record.path} could not be put back: ${messageOf(error)}` })
        }
        seen.add(record.path)
      }
      return outcomes
    },
  }
}

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex')

function damaged(file: string, cause?: unknown): OperatorError {
  return new OperatorError(
    'UndoDamaged',
    `the undo journal's file ${file} is damaged`,
    'Restore it from a backup of the state directory, or move it elsewhere: what it was about then has to be put back by hand.',
    cause,
  )
}

function parse(file: string, id: number): UndoRecord {
  const [digest, text = ''] = readFileSync(file, 'utf8').split('\n')
  if (digestOf(text) !== digest) throw damaged(file)
  const record = JSON.parse(text) as UndoRecord
  if (record.id !== id) throw damaged(file)
  return record
}

function writeDurably(path: string, data: Buffer): void {
  const temporary = `${path}.tmp`
  const file = openSync(temporary, 'w', 0o600)
  try {
    for (let written = 0; written < data.length; ) written += writeSync(file, data, written)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
  syncDirectory(join(path, '..'))
}

function syncDirectory(path: string): void {
  const handle = openSync(path, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
