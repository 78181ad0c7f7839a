// Colour where a person looks, plain text everywhere else (https://no-color.org).
const isColorful = process.stdout.isTTY === true && !process.env['NO_COLOR']
const code = (open: number) => (text: string) => (isColorful ? `\u001b[${open}m${text}\u001b[0m` : text)

export const paint = { bold: code(1), dim: code(2), red: code(31), green: code(32), yellow: code(33), cyan: code(36) }
