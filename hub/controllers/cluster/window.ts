// Which versions of Kubernetes this hub supports. Pure.

export interface VersionWindow {
  /** Minors of version 1, both included. */
  oldest: number
  newest: number
}

/** Below this not even what the hub reads is the same. */
export const oldestAccepted = 19

/** The minor of v1.31.4 or v1.30.2+k3s1; undefined for another major. */
export function minorOf(version: string): number | undefined {
  const minor = /^v1\.([0-9]{1,3})(?:[^0-9]|$)/.exec(version)?.[1]
  return minor === undefined ? undefined : Number(minor)
}
