// Newline-delimited JSON from a stream of bytes, one value at a time.

/** A line longer than this ends the stream with an error instead of filling the memory. Bytes are counted as UTF-16 units. */
const maxLineLength = 8 * 1024 * 1024

export async function* readNdjson(body: ReadableStream<Uint8Array>): AsyncGenerator<unknown, void, void> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true })
      let start = 0
      for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n', start)) {
        const line = rest.slice(start, end).trim()
        start = end + 1
        if (line !== '') yield JSON.parse(line) as unknown
      }
      rest = rest.slice(start)
      if (rest.length > maxLineLength) throw new Error(`a line of the stream is longer than ${maxLineLength} characters`)
      if (done) break
    }
    if (rest.trim() !== '') yield JSON.parse(rest) as unknown
  } finally {
    // Also reached when the consumer stops early: the request ends with it.
    await reader.cancel().catch(() => undefined)
  }
}
