// Whether what the pages show is current: looks at every open live list.
import { useEffect, useState, useSyncExternalStore } from 'react'
import { systemClock } from '#shared/clock/clock.ts'
import type { ApiFailure } from '../api/failure.ts'
import { listOf } from './lists.ts'

const watched = ['clusters', 'machines', 'tasks'] as const

function currentFailure(): ApiFailure | undefined {
  for (const plural of watched) {
    const { state } = listOf(plural).snapshot()
    if (state.phase === 'retrying') return state.failure
  }
  return undefined
}
function subscribe(onChange: () => void): () => void {
  const ends = watched.map((plural) => listOf(plural).subscribe(onChange))
  return () => {
    for (const end of ends) end()
  }
}

/** The failure that keeps the pages from being current; a blink shorter than `graceMs` is not worth a word. */
export function useLostConnection(graceMs = 1_500): ApiFailure | undefined {
  const failure = useSyncExternalStore(subscribe, currentFailure)
  const isDown = failure !== undefined
  const [isLasting, setLasting] = useState(false)
  useEffect(() => {
    if (!isDown) return
    const timer = systemClock.setTimer(graceMs, () => setLasting(true))
    return () => {
      timer.cancel()
      setLasting(false)
    }
  }, [isDown, graceMs])
  return isDown && isLasting ? failure : undefined
}
