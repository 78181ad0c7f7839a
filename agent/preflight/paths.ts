import { dirname } from 'node:path'
import type { Host } from '#agent/host/types.ts'

/** The path itself, or the nearest directory above it that exists: where it would be made. */
export async function existingAncestor(host: Host, path: string): Promise<string> {
  for (let place = path; place !== '/'; place = dirname(place)) if (await host.info(place)) return place
  return '/'
}
