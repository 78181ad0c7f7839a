// What a session printed, as asciicast v2 (one JSON array a line): output and sizes with their times, never input, which may be a password.
import type { Clock } from '#shared/clock/clock.ts'
import { TerminalError } from '#shared/errors/terminal-reason.ts'

/** Where the lines go. */
export interface RecordingFile {
  /** False: wait for `onDrain`. */
  write(text: string): boolean
  onDrain(run: () => void): void
  onError(run: (error: Error) => void): void
  /** Resolves when everything is on the disk. */
  close(): Promise<void>
}

export interface RecordingOptions {
  file: RecordingFile
  clock: Clock
  limitBytes: number
  header: { width: number; height: number; title: string; command?: string; term?: string }
  /** Called once; nothing more is written. */
  onFailure(error: TerminalError): void
}

export interface Recording {
  /** False: nothing more should be read until `onDrain`. */
  output(stream: 'stdout' | 'stderr', data: Buffer): boolean
  resize(columns: number, rows: number): void
  onDrain(run: () => void): void
  close(): Promise<void>
}

export function startRecording({ file, clock, limitBytes, header, onFailure }: RecordingOptions): Recording {
  const startedMs = clock.monotonicMs()
  // Characters may be cut anywhere; each stream has its own rest.
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() }
  let bytes = 0
  let isOver = false
  const fail = (error: TerminalError): boolean => {
    if (isOver) return true
    isOver = true
    onFailure(error)
    return true
  }
  file.onError((error) => fail(new TerminalError('RecordingFailed', `the recording cannot be written: ${error.message}`, error)))

  const line = (value: unknown): boolean => {
    if (isOver) return true
    const text = `${JSON.stringify(value)}\n`
    bytes += Buffer.byteLength(text)
    if (bytes > limitBytes) return fail(new TerminalError('RecordingFull', `the recording of this session has reached ${limitBytes} bytes`))
    return file.write(text)
  }
  const event = (code: 'o' | 'r', data: string): boolean =>
    data === '' || line([Math.round((clock.monotonicMs() - startedMs) * 1000) / 1e6, code, data])

  const { width, height, title, command, term } = header
  line({
    ...{ version: 2, width, height, timestamp: Math.floor(clock.now().getTime() / 1000), title },
    ...(command !== undefined && { command }),
    ...(term !== undefined && { env: { TERM: term } }),
  })
  return {
    output: (stream, data) => event('o', decoders[stream].decode(data, { stream: true })),
    resize: (columns, rows) => void event('r', `${columns}x${rows}`),
    onDrain: (run) => file.onDrain(run),
    async close() {
      for (const decoder of Object.values(decoders)) event('o', decoder.decode())
      isOver = true
      await file.close()
    },
  }
}
