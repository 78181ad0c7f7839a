// What a write can be refused with. They cross the worker boundary by name.

export class ConflictError extends Error {
  override readonly name = 'ConflictError'
}
export class AlreadyExistsError extends Error {
  override readonly name = 'AlreadyExistsError'
}
export class NotFoundError extends Error {
  override readonly name = 'NotFoundError'
}
/** The change log does not reach back to the resourceVersion that was asked for. */
export class TooOldError extends Error {
  override readonly name = 'TooOldError'
}
/** The queue of writes is full: try again shortly. Nothing was written. */
export class BusyError extends Error {
  override readonly name = 'BusyError'
}
/** The disk or the database refused (full, I/O error), or the store is closed. Nothing was acknowledged. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
}

const byName = { ConflictError, AlreadyExistsError, NotFoundError, TooOldError, BusyError, StorageError } as const

export interface WireError {
  name: string
  message: string
}

export function toWireError(error: unknown): WireError {
  if (error instanceof Error) return { name: error.name in byName ? error.name : 'StorageError', message: error.message }
  return { name: 'StorageError', message: String(error) }
}

export function fromWireError(wire: WireError): Error {
  const Class = byName[wire.name as keyof typeof byName] ?? StorageError
  return new Class(wire.message)
}
