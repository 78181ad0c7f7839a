// A terminal on a machine over the hub's WebSocket: channels as Kubernetes has them, and a word back for everything that was shown, so that
// a flood waits on the machine instead of in this page.
import { apiPath } from '../api/kinds.ts'
import { printable } from '../derive/format.ts'

const protocol = 'v1.terminal.moorline.dev'
const channels = { stdin: 0, stdout: 1, error: 3, resize: 4, acknowledge: 5 } as const
/** The hub asks the machine for more when it hears of this much. */
const acknowledgeBytes = 8 * 1024
/** A paste goes in pieces that a hub takes. */
const inputBytes = 256 * 1024

export interface ExecEnd {
  isFailure: boolean
  message: string
}

export interface ExecOptions {
  machine: string
  size: { columns: number; rows: number }
  /** Something of it is there: the machine has answered. */
  onOpen(): void
  /** Call `shown` when the bytes were drawn. */
  onOutput(data: Uint8Array, shown: () => void): unknown
  /** Called once. */
  onEnd(end: ExecEnd): void
}

export interface ExecConnection {
  send(text: string): void
  sendBytes(data: Uint8Array): void
  resize(columns: number, rows: number): void
  close(): void
}

export function connectExec({ machine, size, onOpen, onOutput, onEnd }: ExecOptions): ExecConnection {
  const url = new URL(apiPath('machines', machine, 'exec'), location.href)
  url.protocol = 'wss:'
  const query = { stdin: 'true', stdout: 'true', tty: 'true', columns: String(size.columns), rows: String(size.rows) }
  url.search = new URLSearchParams(query).toString()
  const socket = new WebSocket(url, [protocol])
  socket.binaryType = 'arraybuffer'
  let end: ExecEnd | undefined
  let isOpen = false
  let shownBytes = 0

  const put = (channel: number, data: Uint8Array): void => {
    if (socket.readyState !== WebSocket.OPEN) return
    const message = new Uint8Array(data.length + 1)
    message[0] = channel
    message.set(data, 1)
    socket.send(message)
  }
  const acknowledge = (bytes: number): void => {
    shownBytes += bytes
    if (shownBytes < acknowledgeBytes) return
    const count = new Uint8Array(4)
    new DataView(count.buffer).setUint32(0, shownBytes)
    shownBytes = 0
    put(channels.acknowledge, count)
  }
  socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => {
    const bytes = new Uint8Array(data)
    const rest = bytes.subarray(1)
    if (bytes[0] === channels.error) end = endOf(rest)
    else if (bytes[0] === channels.stdout) {
      if (!isOpen) {
        isOpen = true
        onOpen()
      }
      onOutput(rest, () => acknowledge(rest.length))
    }
  })
  socket.addEventListener('close', () => {
    onEnd(end ?? { isFailure: true, message: isOpen ? lost : refused })
  })
  const sendBytes = (data: Uint8Array): void => {
    for (let at = 0; at < data.length; at += inputBytes) put(channels.stdin, data.subarray(at, at + inputBytes))
  }
  return {
    send: (text) => sendBytes(new TextEncoder().encode(text)),
    sendBytes,
    resize: (columns, rows) => put(channels.resize, new TextEncoder().encode(JSON.stringify({ Width: columns, Height: rows }))),
    close: () => socket.close(),
  }
}

const lost = 'The connection was lost, or your session or your right to it has ended. What ran in the terminal was ended on the machine.'
const refused = 'The hub did not open the terminal. Your session may have ended, or you may not open terminals on this machine.'

function endOf(bytes: Uint8Array): ExecEnd {
  const { status, message, details } = JSON.parse(new TextDecoder().decode(bytes)) as {
    status?: string
    message?: string
    details?: { causes?: { reason?: string; message?: string }[] }
  }
  if (status === 'Success') return { isFailure: false, message: 'The shell has ended.' }
  const code = details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message
  if (code !== undefined) return { isFailure: false, message: `The shell has ended with exit code ${printable(code, 8)}.` }
  return { isFailure: true, message: printable(message ?? 'The terminal has ended.', 1024) }
}
