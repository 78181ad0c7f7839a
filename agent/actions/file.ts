// Ensures content, mode and owner of one file, or that it is not there. Observe → compare → record what was there → replace
// atomically → read back. Running it again after any crash ends in the same state.
import type { FileInput } from '#shared/contract/actions.ts'
import { failpoint } from '#shared/flow/failpoint.ts'
import type { Host } from '#agent/host/types.ts'
import { absentState, checkParents, type FileState, fileState, hashOf, observeFile, sameState } from './file-state.ts'
import { type Action, ActionError, type ActionContext } from './types.ts'
import type { UndoJournal, UndoRecord } from './undo-journal.ts'

export interface FileResult {
  changed: boolean
  path: string
  /** null: there was, or is, no file. */
  sha256Before: string | null
  sha256After: string | null
  /** Where the agent keeps what was there before. */
  backup: string | null
}

export function createFileAction(host: Host, undo: UndoJournal): Action {
  return {
    name: 'file',
    isMutating: true,
    afterCrash: 'runAgain',
    run: (input, context) => ensureFile(host, undo, input as FileInput, context),
  }
}

async function ensureFile(host: Host, undo: UndoJournal, input: FileInput, context: ActionContext): Promise<FileResult> {
  const { path } = input
  await checkParents(host, path)
  const now = await observeFile(host, path)
  const wanted = await wantedState(host, input, now.state)
  // A record of this very attempt means that it was interrupted after it had begun: what was there before it, is in that record.
  const earlier = undo.find(context.taskUid, context.attempt, path)
  if (sameState(now.state, wanted.state)) {
    context.output('system', `${path} is as wanted already\n`)
    return resultOf(undo, path, earlier, now.state, wanted.state)
  }
  context.signal.throwIfAborted()
  context.output('system', `${describe(path, now.state, wanted.state)}\n`)
  const record =
    earlier ??
    undo.record({ taskUid: context.taskUid, attempt: context.attempt, path, before: now.state, after: wanted.state }, now.content)
  if (wanted.content) await replace(host, path, wanted.content, wanted.state)
  else await host.removeFile(path)
  failpoint('agent.file.renamed')
  const after = await fileState(host, path)
  if (!sameState(after, wanted.state))
    throw new ActionError('VerifyFailed', `${path} was written but reads back differently: another program changes it too`)
  return resultOf(undo, path, record, now.state, after)
}

async function replace(host: Host, path: string, content: Buffer, { mode, uid, gid }: FileState): Promise<void> {
  try {
    await host.writeFileAtomic(path, content, { mode, uid, gid })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason = code === 'ENOSPC' || code === 'EDQUOT' ? 'DiskFull' : code === 'EROFS' ? 'ReadOnlyFilesystem' : 'WriteFailed'
    throw new ActionError(reason, `${path} could not be written and is as it was: ${message}`, undefined, error)
  }
}

function resultOf(undo: UndoJournal, path: string, record: UndoRecord | undefined, now: FileState, after: FileState): FileResult {
  const before = record?.before ?? now
  return {
    changed: !sameState(before, after),
    path,
    sha256Before: before.sha256 ?? null,
    sha256After: after.sha256 ?? null,
    backup: (record && undo.backupOf(record)) ?? null,
  }
}

/** The sentence of what is about to be done. */
function describe(path: string, now: FileState, wanted: FileState): string {
  if (wanted.sha256 === undefined) return `removes ${path}`
  const mode = `mode ${wanted.mode.toString(8).padStart(4, '0')}, owner ${wanted.uid}:${wanted.gid}`
  if (now.sha256 === undefined) return `creates ${path} (${mode})`
  return now.sha256 === wanted.sha256 ? `sets ${mode} of ${path}` : `replaces the content of ${path} (${mode})`
}

async function wantedState(host: Host, input: FileInput, now: FileState): Promise<{ state: FileState; content?: Buffer }> {
  if (input.state === 'absent') {
    if (input.content !== undefined) throw new ActionError('InvalidInput', 'content and state: absent exclude each other')
    return { state: absentState }
  }
  if (input.content === undefined) throw new ActionError('InvalidInput', 'content is required unless state is absent')
  const content = decode(input.content, input.encoding)
  const isNew = now.sha256 === undefined
  return {
    content,
    state: {
      sha256: hashOf(content),
      mode: input.mode === undefined ? (isNew ? 0o644 : now.mode) : Number.parseInt(input.mode, 8),
      uid: input.owner === undefined ? (isNew ? host.uid() : now.uid) : await idOf(host, '/etc/passwd', 'owner', input.owner),
      gid: input.group === undefined ? (isNew ? await ownGroup(host) : now.gid) : await idOf(host, '/etc/group', 'group', input.group),
    },
  }
}

function decode(content: string, encoding: FileInput['encoding']): Buffer {
  if (encoding !== 'base64') return Buffer.from(content, 'utf8')
  const bytes = Buffer.from(content, 'base64')
  // Buffer.from skips what is not base64; a file must not be shorter than meant without a word.
  if (bytes.toString('base64').replace(/=+$/, '') !== content.replace(/\s/g, '').replace(/=+$/, ''))
    throw new ActionError('InvalidInput', 'content is not base64')
  return bytes
}

async function idOf(host: Host, file: string, what: string, name: string): Promise<number> {
  if (/^[0-9]+$/.test(name)) return Number(name)
  const line = (await host.readText(file))?.split('\n').find((entry) => entry.startsWith(`${name}:`))
  const id = line?.split(':')[2]
  if (id === undefined || !/^[0-9]+$/.test(id)) throw new ActionError('UnknownOwner', `there is no ${what} ${name} in ${file}`)
  return Number(id)
}

/** The group a new file of this process gets, from its own status. */
async function ownGroup(host: Host): Promise<number> {
  const status = await host.readText('/proc/self/status')
  return Number(/^Gid:\s+\d+\s+(\d+)/m.exec(status ?? '')?.[1] ?? 0)
}
