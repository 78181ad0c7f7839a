// A Machine's name from what the machine calls itself: RFC 1123, at most 63 characters, free.

const letters = 'abcdefghijklmnopqrstuvwxyz234567'

/** `length` characters of lower-case base32. `randomBytes` must be cryptographic where the result is an identity. */
export function randomName(length: number, randomBytes: (count: number) => Uint8Array): string {
  return Array.from(randomBytes(length), (byte) => letters[byte % 32]).join('')
}

export function newAgentId(randomBytes: (count: number) => Uint8Array): string {
  return `a${randomName(25, randomBytes)}`
}

export function machineNameFor(hostname: string, isTaken: (name: string) => boolean, randomBytes: (count: number) => Uint8Array): string {
  const base =
    hostname
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, '-')
      .slice(0, 57)
      .replace(/^-+|-+$/g, '') || 'machine'
  if (!isTaken(base)) return base
  for (;;) {
    const name = `${base}-${randomName(5, randomBytes)}`
    if (!isTaken(name)) return name
  }
}
