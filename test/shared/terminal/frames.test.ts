import test from 'ava'
import fc from 'fast-check'
import { type FrameType, frameTypes, TerminalEnded, terminalLimits, TerminalOpen, TerminalSize } from '#shared/contract/terminal.ts'
import { creditFrame, frame, FrameError, frameReader, jsonFrame, readCredit, readJson } from '#shared/terminal/frames.ts'

const types = Object.values(frameTypes)

test('frames come out as they went in, however the stream cuts them', (t) => {
  const frames = fc.array(fc.tuple(fc.constantFrom(...types), fc.uint8Array({ maxLength: 300 })), { maxLength: 12 })
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1, maxLength: 9 }), (sent, cuts) => {
      const bytes = Buffer.concat(sent.map(([type, payload]) => frame(type, payload)))
      const got: [FrameType, Buffer][] = []
      const read = frameReader((type, payload) => got.push([type, Buffer.from(payload)]))
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const length = cuts[turn % cuts.length] as number
        read(bytes.subarray(at, at + length))
        at += length
      }
      return JSON.stringify(got) === JSON.stringify(sent.map(([type, payload]) => [type, Buffer.from(payload)]))
    }),
  )
  t.pass()
})

test('a frame that is too long is refused by its header alone, an unknown type at once', (t) => {
  const read = () => frameReader(() => t.fail())
  const long = frame(frameTypes.input)
  long.writeUInt32BE(terminalLimits.frameBytes + 1, 1)
  t.throws(() => read()(long), { instanceOf: FrameError })
  t.throws(() => read()(Buffer.from([99, 0, 0, 0, 0])), { instanceOf: FrameError })
})

test('what a frame says is checked against its schema, its size and its depth', (t) => {
  const payload = (value: unknown) => Buffer.from(JSON.stringify(value))
  const open = { version: 1, command: ['ls', '-l'], tty: true, stdin: true, columns: 80, rows: 24, term: 'xterm' }
  t.deepEqual(readJson(TerminalOpen, payload(open)), open)
  for (const wrong of [
    { ...open, columns: 0 },
    { ...open, rows: 1001 },
    { ...open, term: 'x;y' },
    { ...open, command: ['a\0b'] },
    { ...open, command: Array.from({ length: 257 }, () => 'x') },
    { ...open, more: 1 },
    { ...open, command: 'ls' },
    [],
  ])
    t.throws(() => readJson(TerminalOpen, payload(wrong)), { instanceOf: FrameError }, JSON.stringify(wrong).slice(0, 100))
  t.throws(() => readJson(TerminalSize, Buffer.from('{"columns":1,"rows":1,"__proto__":{}}')), { instanceOf: FrameError })
  t.throws(() => readJson(TerminalSize, Buffer.from([0xff, 0xfe])), { instanceOf: FrameError })
  t.throws(() => readJson(TerminalEnded, payload({ reason: 'Exited', message: 'x', exitCode: 256 })), { instanceOf: FrameError })
  t.throws(() => readJson(TerminalEnded, payload({ reason: '<b>', message: 'x' })), { instanceOf: FrameError })
})

test('a credit is four bytes', (t) => {
  t.is(readCredit(creditFrame(frameTypes.inputCredit, 4096).subarray(5)), 4096)
  t.throws(() => readCredit(Buffer.alloc(3)), { instanceOf: FrameError })
  t.is(jsonFrame(frameTypes.resize, {}).readUInt32BE(1), 2)
})
