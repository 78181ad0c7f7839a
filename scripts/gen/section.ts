// Generated parts of the documentation: they stand between two markers, what is around them is written by hand.
const open = (name: string) => `<!-- generated: ${name}; change its source and run npm run gen -->`
const close = '<!-- end of generated part -->'

/** `text` with the part called `name` replaced by `content`; appended when there is none yet. */
export function replaceSection(text: string, name: string, content: string): string {
  const section = `${open(name)}\n\n${content.trim()}\n\n${close}`
  const start = text.indexOf(open(name))
  if (start < 0) return `${text.trimEnd()}\n\n${section}\n`
  const end = text.indexOf(close, start)
  if (end < 0) throw new Error(`the generated part '${name}' has no end marker`)
  return text.slice(0, start) + section + text.slice(end + close.length)
}

/** A Markdown table; pipes and line breaks in cells are escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replace(/\s*\n\s*/g, ' ')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

export const code = (text: string): string => (text ? `\`${text}\`` : '')
