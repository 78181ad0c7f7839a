// A window counts bytes, and memory counts pieces: a DATA frame of one byte is an object of a few hundred, so a window full of them
// holds a hundred times what it says. Whoever sends such frames faster than they are read is cut off.
import type { Readable } from 'node:stream'

/** On average, of a stream whose pieces pile up; what people type and what programs write is gathered into more by TCP and TLS. */
const pieceBytes = 64

/** `cut` is called once more than `most` pieces, small on average, wait unread. Before anything else reads from the stream. */
export function limitUnreadPieces(stream: Readable, most: number, cut: () => void): void {
  const push = stream.push.bind(stream)
  let pieces = 0
  let isCut = false
  stream.push = (piece: unknown, encoding?: BufferEncoding): boolean => {
    pieces = stream.readableLength === 0 ? 0 : pieces + 1
    if (!isCut && (pieces <= most || stream.readableLength >= pieces * pieceBytes)) return push(piece, encoding)
    if (!isCut) {
      isCut = true
      cut()
    }
    return false
  }
}
