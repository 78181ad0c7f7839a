// What the machine is made of, from systeminformation: slow (it asks programs such as lsblk and dmidecode), so it is loaded only
// when facts are collected and each question has a limit.
import { type Clock, waitFor } from '#shared/clock/clock.ts'

export interface Hardware {
  manufacturer: string
  model: string
  blockDevices: { name: string; model: string; sizeBytes: number; isRotational: boolean; isRemovable: boolean }[]
}

const limitMs = 8_000

/** Fields that could not be read in time are empty: facts say what is known, they judge nothing. */
export async function readHardware(clock: Clock): Promise<Hardware> {
  const { default: information } = await import('systeminformation')
  const [system, devices] = await Promise.all([within(clock, information.system()), within(clock, information.blockDevices())])
  return {
    manufacturer: system?.manufacturer ?? '',
    model: system?.model ?? '',
    blockDevices: (devices ?? [])
      .filter((device) => device.type === 'disk' && device.size > 0)
      .map(({ name, model, size, physical, removable }) => ({
        name,
        model,
        sizeBytes: size,
        isRotational: physical === 'HDD',
        isRemovable: removable,
      })),
  }
}

async function within<T>(clock: Clock, question: Promise<T>): Promise<T | undefined> {
  const answered = new AbortController()
  const late = waitFor(clock, limitMs, answered.signal).catch((error: unknown) => {
    if (!answered.signal.aborted) throw error
  })
  try {
    return (await Promise.race([question, late])) as T | undefined
  } finally {
    answered.abort()
  }
}
