// Turns chunks of output into lines that are safe to show: escape sequences and control characters taken out, length and number bounded. Pure.
export interface LogRecord {
  sequence: number
  at: string
  stream: string
  text: string
}
export interface LogLine {
  id: number
  at: string
  stream: string
  text: string
  /** Characters beyond the limit of a line that are not shown. */
  cut: number
}
export interface LogLimits {
  maxLines: number
  maxLineLength: number
}
export const defaultLogLimits: LogLimits = { maxLines: 5_000, maxLineLength: 8_192 }

export interface LineAssembler {
  push(record: LogRecord): void
  lines(): readonly LogLine[]
  /** Lines that were let go to stay within the limit. */
  droppedLines(): number
}

interface OpenLine extends LogLine {
  raw: string
}

/** OSC (title, link), CSI (colour, cursor) and the two-character escapes of ECMA-48. */
const escapes = /\u001b(?:\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\[[0-?]*[ -/]*[@-~]?|[PX^_][^\u001b]*(?:\u001b\\)?|[ -/]*[0-~]?)/g
const controls = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** One line as a terminal would have left it: what a carriage return overwrote is gone, colours are gone. */
export function plainLine(raw: string): string {
  const text = raw.replace(escapes, '').replace(/\r+$/, '')
  return text.slice(text.lastIndexOf('\r') + 1).replace(controls, '\ufffd')
}

export function createLineAssembler({ maxLines, maxLineLength }: LogLimits = defaultLogLimits): LineAssembler {
  let lines: LogLine[] = []
  let dropped = 0
  let nextId = 1
  // The last line of each stream while it has no end yet; streams do not interleave within a line.
  const open = new Map<string, OpenLine>()

  function extend(record: LogRecord, piece: string): void {
    const before = open.get(record.stream)
    const line: OpenLine = before ?? { id: nextId++, at: record.at, stream: record.stream, text: '', cut: 0, raw: '' }
    const room = Math.max(0, maxLineLength - line.raw.length)
    const raw = line.raw + piece.slice(0, room)
    const next = { ...line, raw, text: plainLine(raw), cut: line.cut + Math.max(0, piece.length - room) }
    open.set(record.stream, next)
    if (!before) {
      lines.push(next)
      return
    }
    const at = lines.findLastIndex(({ id }) => id === next.id)
    if (at >= 0) lines[at] = next
  }

  return {
    push(record) {
      let start = 0
      for (let end = record.text.indexOf('\n'); end !== -1; end = record.text.indexOf('\n', start)) {
        extend(record, record.text.slice(start, end))
        open.delete(record.stream)
        start = end + 1
      }
      if (start < record.text.length) extend(record, record.text.slice(start))
      // A little slack, so that a long log is not copied for each line.
      if (lines.length > maxLines * 1.2) {
        dropped += lines.length - maxLines
        lines = lines.slice(-maxLines)
      }
    },
    lines: () => lines.slice(-maxLines),
    droppedLines: () => dropped + Math.max(0, lines.length - maxLines),
  }
}
