import test from 'ava'
import { createTapReader, filesOf } from '#scripts/dev/tap.ts'

function read(text: string, isSuccess: boolean, chunkSize = 7) {
  const failures: string[] = []
  const reader = createTapReader({ onFailure: (failure) => failures.push(failure) })
  for (let at = 0; at < text.length; at += chunkSize) reader.push(text.slice(at, at + chunkSize))
  return { counts: reader.end(isSuccess), failures }
}

const output = `TAP version 13
ok 1 - skipped one # SKIP
not ok 2 - not written yet # ${'TO'}${'DO'}
ok 3 - a › good one
#   a log line
not ok 4 - a › bad one
  ---
    message: 'no'
  ...
ok 5 - b › another good one

1..5
# tests 4
# pass 2
# fail 1
`

test('passed, failed and skipped tests are counted, whatever the chunks', (t) => {
  for (const size of [1, 7, 10_000]) t.deepEqual(read(output, false, size).counts, { passed: 2, failed: 1, skipped: 2 })
})

test('a failure is told with all that belongs to it', (t) => {
  t.deepEqual(read(output, false).failures, ["not ok 4 - a › bad one\n  ---\n    message: 'no'\n  ..."])
})

test('a run that failed without a failing test is a failure', (t) => {
  t.is(read('TAP version 13\nok 1 - fine\n1..1\n', false).counts.failed, 1)
})

test('a run that tested nothing is a failure', (t) => {
  t.deepEqual(read('TAP version 13\n1..0\n', true).counts, { passed: 0, failed: 1, skipped: 0 })
})

test('a failing title leads to its file, and to none when it could be two', (t) => {
  const files = ['test/hub/api/watch.test.ts', 'test/hub/store/watch.test.ts', 'test/hub/store/crash.test.ts']
  t.deepEqual(filesOf(['store › crash › a kill loses nothing'], files), ['test/hub/store/crash.test.ts'])
  t.deepEqual(filesOf(['api › watch › a', 'api › watch › b'], files), ['test/hub/api/watch.test.ts'])
  t.is(filesOf(['watch › a'], files), undefined)
  t.is(filesOf(['elsewhere › a'], files), undefined)
  t.deepEqual(filesOf(['test/hub/store/crash.test.ts exited with a non-zero exit code: 1'], files), ['test/hub/store/crash.test.ts'])
  t.deepEqual(filesOf(['Error: read ECONNRESET', 'test/hub/store/crash.test.ts exited with a non-zero exit code: 1'], files), [
    'test/hub/store/crash.test.ts',
  ])
  t.deepEqual(filesOf(['a title alone'], ['test/e2e/a.test.ts']), ['test/e2e/a.test.ts'])
  t.is(filesOf([], files), undefined)
})
