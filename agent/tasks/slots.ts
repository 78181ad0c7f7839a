// Bounded concurrency in order of asking: `size` at once, and of those that change the machine one.

export interface Slots {
  /** Resolves with the function that frees the slot; with undefined when the signal is aborted first. */
  take(isMutating: boolean, signal: AbortSignal): Promise<(() => void) | undefined>
}

interface Waiting {
  isMutating: boolean
  grant: () => void
}

export function createSlots(size: number): Slots {
  let free = size
  let isMutatingTaken = false
  const queue: Waiting[] = []

  /** A reader may pass a writer that waits for another writer: it delays nobody. */
  function serve(): void {
    for (let index = 0; index < queue.length && free > 0; ) {
      const next = queue[index] as Waiting
      if (next.isMutating && isMutatingTaken) index++
      else {
        queue.splice(index, 1)
        free--
        if (next.isMutating) isMutatingTaken = true
        next.grant()
      }
    }
  }

  return {
    take(isMutating, signal) {
      return new Promise((resolve) => {
        if (signal.aborted) return resolve(undefined)
        const waiting: Waiting = {
          isMutating,
          grant() {
            signal.removeEventListener('abort', onAbort)
            resolve(() => {
              free++
              if (isMutating) isMutatingTaken = false
              serve()
            })
          },
        }
        const onAbort = () => {
          queue.splice(queue.indexOf(waiting), 1)
          resolve(undefined)
        }
        signal.addEventListener('abort', onAbort, { once: true })
        queue.push(waiting)
        serve()
      })
    },
  }
}
