// The API's rule for names (RFC 1123 subdomain), said before the request is made.
const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/

export function nameProblem(name: string): string | undefined {
  if (name.length > 253) return 'At most 253 characters.'
  if (/[A-Z]/.test(name)) return 'Use lower-case letters.'
  if (/[^a-z0-9.-]/.test(name)) return 'Use lower-case letters, digits, dashes and dots only.'
  if (!name.split('.').every((part) => label.test(part)))
    return 'Each part must start and end with a letter or digit and have at most 63 characters.'
  return undefined
}
