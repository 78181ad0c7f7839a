// What a stranger said, as one line that can stand in a condition, a log or a terminal.

/** Controls, line ends, and the characters that reorder text (CVE-2021-42574). */
const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+/gu

/** At most `maxLength` UTF-16 units. */
export function plainLine(text: string, maxLength: number): string {
  const plain = text
    .slice(0, maxLength * 4)
    .toWellFormed()
    .replace(unsafe, ' ')
    .trim()
  return plain.length <= maxLength
    ? plain
    : `${plain
        .slice(0, maxLength - 1)
        .toWellFormed()
        .replace(/\ufffd$/, '')}…`
}
