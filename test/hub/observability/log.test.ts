import test from 'ava'
import { redactedKeys } from '#shared/log/log.ts'
import { createLog } from '#hub/observability/log.ts'

function capture(pretty = false) {
  let text = ''
  const log = createLog({ level: 'debug', pretty, destination: { write: (line) => void (text += line) } })
  return { log, text: () => text }
}

test('secrets are redacted under each name, at each depth, in JSON and on a terminal', (t) => {
  for (const pretty of [false, true]) {
    const { log, text } = capture(pretty)
    for (const key of redactedKeys) {
      log.info({ [key]: 'S3CRET' }, 'one')
      log.warn({ request: { headers: { deep: { [key]: 'S3CRET' } } } }, 'four')
      log.child({ [key]: 'S3CRET' }).error({}, 'child')
    }
    t.notRegex(text(), /S3CRET/)
    t.regex(text(), /\[redacted\]/)
  }
})

test('an error is logged with its stack and its cause', (t) => {
  for (const key of ['err', 'error']) {
    const { log, text } = capture()
    log.error({ [key]: new Error('outer', { cause: new Error('inner') }) }, 'failed')
    const line = JSON.parse(text()) as Record<string, { message: string; stack: string }>
    t.regex(line[key]?.stack ?? '', /outer[\s\S]*inner/)
  }
})

test('F-34: no value acts on a terminal or starts a line of its own', (t) => {
  const { log, text } = capture(true)
  log.info({ name: 'a\u001b[2J\nb\u009b31m', list: ['\u202e'] }, 'x\r\nforged line')
  t.is(text().trimEnd().split('\n').length, 1)
  t.notRegex(text(), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
})

test('levels below the chosen one are not written', (t) => {
  let lines = 0
  const log = createLog({ level: 'warn', destination: { write: () => void lines++ } })
  log.info({}, 'no')
  log.debug({}, 'no')
  log.warn({}, 'yes')
  t.is(lines, 1)
})
