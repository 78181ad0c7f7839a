// Quantities as Kubernetes writes them: 4, 3920m, 16Gi, 1e3. Pure.

const factors: Readonly<Record<string, number>> = {
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
}

/** In the unit itself; undefined for what is none, or negative. */
export function parseQuantity(text: unknown): number | undefined {
  const [, digits = '', suffix = ''] = /^([0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?)([A-Za-z]{0,2})$/.exec(String(text)) ?? []
  const factor = Object.hasOwn(factors, suffix) ? factors[suffix] : undefined
  return digits === '' || factor === undefined ? undefined : Number(digits) * factor
}

/** A whole number that JSON and the store keep as it is. */
export function whole(value: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, Math.round(value))
}
