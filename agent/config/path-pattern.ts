// Path patterns of the policy: `*` is any part of one segment, `**` any number of segments, at least one when it ends the pattern.

export function matchesPath(path: string, pattern: string): boolean {
  return matchSegments(path.split('/').slice(1), pattern.split('/').slice(1))
}

function matchSegments(path: readonly string[], pattern: readonly string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return path.length === 0
  if (first === '**') {
    if (rest.length === 0) return path.length > 0
    return path.some((_, at) => matchSegments(path.slice(at), rest))
  }
  const [segment, ...below] = path
  return segment !== undefined && matchSegment(segment, first) && matchSegments(below, rest)
}

function matchSegment(segment: string, pattern: string): boolean {
  const [head = '', ...tail] = pattern.split('*')
  if (tail.length === 0) return segment === pattern
  if (!segment.startsWith(head)) return false
  let at = head.length
  const last = tail.pop() ?? ''
  for (const part of tail) {
    const found = segment.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return segment.length - last.length >= at && segment.endsWith(last)
}
