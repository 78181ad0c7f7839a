import test from 'ava'
import { createVerdict } from '#agent/link/verdict.ts'

test('who asks before Hello is answered gets the answer, also when Hello is sent again before it', async (t) => {
  const verdict = createVerdict()
  const first = verdict.current()
  verdict.wait()
  const second = verdict.current()
  verdict.give(true)
  t.deepEqual(await Promise.all([first, second, verdict.current()]), [true, true, true])
})

test('a refusal holds until another Hello is answered', async (t) => {
  const verdict = createVerdict()
  verdict.give(false)
  t.false(await verdict.current())
  verdict.give(true)
  t.true(await verdict.current())
  verdict.wait()
  const later = verdict.current()
  verdict.give(false)
  t.false(await later)
})
