// What grpc-js's server streams need and Node's do not say: how to wait for room, and how to end one with a status.
import type { Writable } from 'node:stream'
import type { Log } from '#shared/log/log.ts'
import { toServiceError } from './errors.ts'

/** The side of a server stream that all its kinds share. */
type Call = Writable & { cancelled: boolean; getPath(): string }

/** Resolves when there is room for the next message; false when the call has ended instead. */
export function writeMessage<Message extends object>(call: Call, message: Message): Promise<boolean> {
  if (call.cancelled || call.destroyed) return Promise.resolve(false)
  if (call.write(message)) return Promise.resolve(true)
  return new Promise((resolve) => {
    const finish = (isOpen: boolean) => (): void => {
      call.off('drain', onDrain)
      call.off('cancelled', onGone)
      call.off('close', onGone)
      resolve(isOpen)
    }
    const onDrain = finish(true)
    const onGone = finish(false)
    call.once('drain', onDrain)
    call.once('cancelled', onGone)
    call.once('close', onGone)
  })
}

/** Ends the call with OK after `work`, or with the error's status. destroy() would end it without any. */
export function finishWith(call: Call, work: Promise<void>, log: Log): void {
  work.then(
    () => void call.end(),
    (error: unknown) => {
      if (!call.destroyed) call.emit('error', toServiceError(error, log, call.getPath()))
    },
  )
}
