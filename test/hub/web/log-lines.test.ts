import test from 'ava'
import { createLineAssembler, plainLine } from '#hub/web/derive/log-lines.ts'

const record = (text: string, stream = 'stdout', sequence = 1) => ({ sequence, at: '2026-01-01T00:00:00Z', stream, text })

test('lines are put together from chunks, per stream', (t) => {
  const assembler = createLineAssembler()
  assembler.push(record('one\ntw'))
  assembler.push(record('warn', 'stderr'))
  assembler.push(record('o\nthree\n'))
  assembler.push(record('ing\n', 'stderr'))
  t.deepEqual(
    assembler.lines().map(({ stream, text }) => `${stream}:${text}`),
    ['stdout:one', 'stdout:two', 'stderr:warning', 'stdout:three'],
  )
})

test('an unfinished line is shown already', (t) => {
  const assembler = createLineAssembler()
  assembler.push(record('pulling'))
  t.deepEqual(
    assembler.lines().map(({ text }) => text),
    ['pulling'],
  )
})

test('colours, titles, links and cursor moves are taken out, also when cut between chunks', (t) => {
  t.is(plainLine('\u001b[1;31mred\u001b[0m plain'), 'red plain')
  t.is(plainLine('\u001b]0;owned\u0007title \u001b]8;;https://evil.example\u001b\\link\u001b]8;;\u001b\\'), 'title link')
  t.is(plainLine('\u001b[2J\u001b[Hcleared\u001bc'), 'cleared')
  const assembler = createLineAssembler()
  assembler.push(record('\u001b[3'))
  assembler.push(record('1mred\u001b'))
  assembler.push(record('[0m\n'))
  t.is(assembler.lines()[0]?.text, 'red')
})

test('what a carriage return overwrote is gone; other controls and direction marks become visible', (t) => {
  t.is(plainLine('10 %\r50 %\r100 %'), '100 %')
  t.is(plainLine('windows\r'), 'windows')
  t.is(plainLine('a\u0000b\u0007c\td'), 'a\ufffdb\ufffdc\td')
  t.is(plainLine('safe\u202egpj.exe'), 'safe\ufffdgpj.exe')
})

test('a line of a megabyte is cut, says how much is missing, and does not touch the next', (t) => {
  const assembler = createLineAssembler({ maxLines: 10, maxLineLength: 100 })
  for (let index = 0; index < 16; index++) assembler.push(record('x'.repeat(65_536)))
  assembler.push(record('\nnext\n'))
  const [long, next] = assembler.lines()
  t.is(long?.text.length, 100)
  t.is(long?.cut, 16 * 65_536 - 100)
  t.is(next?.text, 'next')
  t.is(next?.cut, 0)
})

test('only the last lines are kept, and the rest is counted', (t) => {
  const assembler = createLineAssembler({ maxLines: 100, maxLineLength: 100 })
  for (let index = 0; index < 1_000; index++) assembler.push(record(`line ${index}\n`))
  t.is(assembler.lines().length, 100)
  t.is(assembler.droppedLines(), 900)
  t.is(assembler.lines().at(-1)?.text, 'line 999')
})
