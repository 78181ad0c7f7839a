// What a machine printed, made safe for a terminal: a control character is shown as an escape and never acted on.
import { StringDecoder } from 'node:string_decoder'

/** C0 but \n and \t, DEL, C1, and the characters that reorder text (bidirectional controls, CVE-2021-42574). */
const unsafe = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

export function escapeControls(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(unsafe, (char) => {
    const code = char.charCodeAt(0)
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
  })
}

/** JSON already escapes C0; this escapes the rest, so that a log of JSON lines is as safe as the text. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Decodes chunks of several byte streams whose cuts may fall inside a character. */
export function createChunkDecoder(): (stream: string, data: Buffer) => string {
  const decoders = new Map<string, StringDecoder>()
  return (stream, data) => {
    let decoder = decoders.get(stream)
    if (!decoder) decoders.set(stream, (decoder = new StringDecoder('utf8')))
    return decoder.write(data)
  }
}
