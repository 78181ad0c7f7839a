export interface BenchRow {
  name: string
  ours: number
  /** The peer's or the limit's figure from the same run; null when the row is a budget only. */
  peer: number | null
  peerName: string
  /** ours ÷ peer. */
  ratio: number | null
  unit: string
}

export type BenchSuite = (progress: (message: string) => void) => Promise<BenchRow[]>

export function row(name: string, unit: string, ours: number, peerName: string, peer: number | null): BenchRow {
  return { name, ours, peer, peerName, ratio: peer ? ours / peer : null, unit }
}

/** `fraction` in [0, 1]; sorts a copy. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)
