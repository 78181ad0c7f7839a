import test from 'ava'
import { tasksToDelete } from '#hub/controllers/task/clean-up.ts'
import { apiVersion } from '#shared/contract/meta.ts'
import type { Task, TaskStatus } from '#shared/contract/task.ts'

const now = new Date('2030-01-10T00:00:00Z')
const rule = { keepPerMachine: 2, keepMs: 24 * 3_600_000 }
const ended = (name: string, hoursAgo: number, change: Partial<TaskStatus> = {}, machine = 'm'): Task => ({
  apiVersion,
  kind: 'Task',
  metadata: { name },
  spec: { machine, action: 'facts' },
  status: { state: 'Succeeded', attempt: 1, finishedAt: new Date(now.getTime() - hoursAgo * 3_600_000).toISOString(), ...change },
})
const names = (tasks: Task[]) => tasks.map(({ metadata }) => metadata.name)

test('only what is both old and beyond the newest of its machine goes', (t) => {
  const tasks = [ended('a', 100), ended('b', 50), ended('c', 30), ended('d', 25), ended('e', 1), ended('other', 500, {}, 'n')]
  t.deepEqual(names(tasksToDelete(tasks, rule, now)), ['c', 'b', 'a'])
  t.deepEqual(names(tasksToDelete([ended('a', 2), ended('b', 3), ended('c', 4)], rule, now)), [])
})

test('what has not ended, or is about to run again, stays', (t) => {
  const again = ended('again', 900)
  again.spec.attempt = 2
  const tasks = [
    ended('a', 26),
    ended('b', 27),
    ended('running', 900, { state: 'Running' }),
    again,
    ended('undated', 0, { finishedAt: undefined }),
  ]
  t.deepEqual(names(tasksToDelete(tasks, { keepPerMachine: 0, keepMs: 0 }, now)), ['a', 'b'])
})
