import { useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import type { Clock } from '#shared/clock/clock.ts'
import { systemClock } from '#shared/clock/clock.ts'
import type { ApiFailure } from '../api/failure.ts'
import type { Kinds, Plural } from '../api/kinds.ts'
import { listOf, liveObject } from './lists.ts'
import type { Snapshot } from './live-list.ts'

export function useList<P extends Plural>(plural: P): Snapshot<Kinds[P]> {
  const list = listOf(plural)
  return useSyncExternalStore(list.subscribe, list.snapshot)
}

export interface LiveObject<T> {
  object: T | undefined
  /** The hub has said that there is no such object. */
  isMissing: boolean
  failure: ApiFailure | undefined
}

/** The whole object, live. */
export function useObject<P extends Plural>(plural: P, name: string): LiveObject<Kinds[P]> {
  const list = useMemo(() => liveObject(plural, name), [plural, name])
  const { byName, isComplete, state } = useSyncExternalStore(list.subscribe, list.snapshot)
  const object = byName.get(name)
  return {
    object,
    isMissing: isComplete && object === undefined,
    failure: state.phase === 'refused' || (state.phase === 'retrying' && !object) ? state.failure : undefined,
  }
}

/** The time, once per `everyMs`, for ages and remaining validity. */
export function useNow(everyMs = 15_000, clock: Clock = systemClock): Date {
  const [now, setNow] = useState(() => clock.now())
  useEffect(() => {
    let timer = clock.setTimer(everyMs, tick)
    function tick() {
      setNow(clock.now())
      timer = clock.setTimer(everyMs, tick)
    }
    return () => timer.cancel()
  }, [everyMs, clock])
  return now
}
