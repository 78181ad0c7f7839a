import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { taskEndReasons, taskWaitReasons } from '#shared/errors/task-reasons.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const folders = ['agent/tasks', 'agent/actions', 'agent/config', 'hub/controllers/task', 'hub/controllers/install-agent', 'hub/ssh']
/** Of the condition Delivered, which says nothing else. */
const delivery = ['Ended', 'InJournal', 'NotSent', 'PerformedByHub']
/** Ends a run in this process only: nothing is written, and the next start of the hub takes the task up again. */
const unwritten = ['HubStopping']
/** Of the audit log: how the hub began a run. */
const begun = ['Resumed']
const patterns = [
  /(?:ActionError|TaskFailure|SshFailure)\(\s*'([A-Z][A-Za-z]+)'/g,
  /refuse\(\s*'([A-Z][A-Za-z]+)'/g,
  /(?:finished|end)\(\s*'[A-Za-z]+',\s*'([A-Z][A-Za-z]+)'/g,
  /reason: '([A-Z][A-Za-z]+)'/g,
  /\? '([A-Z][A-Za-z]+)' : /g,
]
const states = ['Canceled', 'Failed', 'Delivered', 'True']

test('every reason in the sources is in the table with a meaning and a next step', (t) => {
  const known = { ...taskEndReasons, ...taskWaitReasons }
  const used = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => {
        const text = readFileSync(join(root, folder, name), 'utf8')
        return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => String(match[1])))
      }),
  )
  t.true(used.length > 50)
  t.deepEqual(
    [...new Set(used)].filter(
      (reason) => !Object.hasOwn(known, reason) && ![...delivery, ...unwritten, ...begun, ...states].includes(reason),
    ),
    [],
  )
  for (const { summary, next } of Object.values(known)) t.true(summary.length > 5 && next.length > 5)
})
