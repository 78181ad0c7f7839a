// Text in pieces → lines, each of bounded length, at most so many bytes in all.

export interface Lines {
  add(text: string): void
  /** What is left without an end of line is a line too. */
  end(): void
}

export function createLines(onLine: (line: string) => void, { lineChars = 4_096, totalChars = 1024 * 1024 } = {}): Lines {
  let rest = ''
  let left = totalChars
  const give = (line: string) => {
    if (left <= 0) return
    left -= line.length + 1
    onLine(left <= 0 ? '[the rest of the output is left out]' : line.replace(/\r$/, ''))
  }
  return {
    add(text) {
      rest += text
      for (let end = rest.indexOf('\n'); end >= 0 || rest.length > lineChars; end = rest.indexOf('\n')) {
        const cut = end >= 0 && end <= lineChars ? end : lineChars
        give(rest.slice(0, cut))
        rest = rest.slice(cut === end ? cut + 1 : cut)
      }
    },
    end() {
      if (rest !== '') give(rest)
      rest = ''
    },
  }
}
