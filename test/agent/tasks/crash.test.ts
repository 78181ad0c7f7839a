// F-02: the agent is killed at each durable step. Whatever happens, each task ends once, nothing is done twice, nothing is lost.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { openUndoJournal } from '#agent/actions/undo-journal.ts'
import { createHost } from '#agent/host/create.ts'
import { openJournal } from '#agent/journal/open.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { silentLog } from '#shared/log/log.ts'
import { until } from '#test/helpers/until.ts'
import { type CrashingAgent, crashingAgent } from './crashing-agent.ts'
import { historyOf } from './hub-double.ts'

const failpoints = [
  'agent.order.received',
  'agent.order.journalled',
  'agent.action.spawned',
  'agent.action.exited',
  'agent.result.recorded',
  'agent.events.acknowledged',
  'agent.undo.recorded',
  'agent.file.renamed',
]

interface Work {
  counter: string
  file: string
}

function giveWork(agent: CrashingAgent): Work {
  const counter = join(agent.directory, 'counter')
  const file = join(agent.directory, 'file')
  writeFileSync(file, 'as it was', { mode: 0o600 })
  agent.give(
    'exec',
    agent.hub.task({ taskUid: 'exec', action: 'exec' }, { command: ['sh', '-c', `echo x >> ${counter}; echo done; sleep 0.1`] }),
  )
  agent.give('file', agent.hub.task({ taskUid: 'file', action: 'file' }, { path: file, content: 'as wanted', mode: '0640' }))
  return { counter, file }
}

const endOf = (agent: CrashingAgent, taskUid: string) => historyOf(agent.hub.events, taskUid)

/** The invariants; throws a sentence that names the broken one. */
async function checkAll(agent: CrashingAgent, { counter, file }: Work, timeoutMs = 20_000): Promise<void> {
  await until('both orders to be acknowledged', () => agent.acknowledged.size === 2, { timeoutMs })
  await until('both tasks to end', () => endOf(agent, 'exec').end && endOf(agent, 'file').end, { timeoutMs })
  agent.kill()
  await until('the process to be gone', () => !isOpen(agent))
  for (const name of ['exec', 'file']) {
    const { ends } = endOf(agent, name)
    if (ends.length !== 1) throw new Error(`${name} ended ${ends.length} times`)
  }
  if (agent.hub.events.some((event) => event.body?.$case === 'gap')) throw new Error('events were lost')
  const exec = endOf(agent, 'exec')
  const runs = existsSync(counter) ? readFileSync(counter, 'utf8').length / 2 : 0
  if (runs > 1) throw new Error(`the program ran ${runs} times`)
  if (exec.end?.state === 'Succeeded' ? runs !== 1 : exec.end?.reason !== 'Interrupted')
    throw new Error(`exec says ${exec.end?.state} ${exec.end?.reason} after ${runs} runs`)
  const change = endOf(agent, 'file')
  if (change.end?.state !== 'Succeeded' || change.result?.changed !== true) throw new Error(`file says ${JSON.stringify(change.end)}`)
  if (readFileSync(file, 'utf8') !== 'as wanted') throw new Error('the file is not as wanted')
  const journal = openJournal({ path: join(agent.stateDir, 'journal.db'), clock: systemClock })
  const open = journal.unfinished().length
  journal.close()
  if (open > 0) throw new Error(`${open} orders are still open`)
  const host = createHost({ clock: systemClock, environment: process.env })
  const undo = openUndoJournal({ stateDir: agent.stateDir, host, clock: systemClock, log: silentLog })
  await undo.undoAll()
  if (readFileSync(file, 'utf8') !== 'as it was') throw new Error('undoing did not put the file back')
  const left = readdirSync(agent.directory).filter((name) => name.endsWith('.tmp'))
  if (left.length > 1) throw new Error(`temporary files are left: ${left.join()}`)
}

function isOpen(agent: CrashingAgent): boolean {
  try {
    openJournal({ path: join(agent.stateDir, 'journal.db'), clock: systemClock }).close()
    return false
  } catch {
    // In use until the kernel has closed it.
    return true
  }
}

async function crashOnce(t: ExecutionContext, point: string, mutant = ''): Promise<{ agent: CrashingAgent; work: Work }> {
  const agent = await crashingAgent(t)
  agent.start({ failpoints: point, mutant })
  const work = giveWork(agent)
  await until(`the agent to die at ${point}`, () => agent.deaths() === 1)
  agent.start({ mutant })
  return { agent, work }
}

for (const point of failpoints)
  test.serial(`killed at ${point}, each task ends once and nothing is done twice or lost`, async (t) => {
    const { agent, work } = await crashOnce(t, point)
    await t.notThrowsAsync(checkAll(agent, work))
    await until('both deaths to be heard of', () => agent.deaths() === 2)
  })

for (const point of ['agent.order.received:2', 'agent.order.journalled:2', 'agent.result.recorded:2', 'agent.events.acknowledged:2'])
  test.serial(`killed at ${point.replace(':2', '')} the second time, the same holds`, async (t) => {
    const { agent, work } = await crashOnce(t, point)
    await t.notThrowsAsync(checkAll(agent, work))
  })

test.serial('killed again and again at any moment, the same holds', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  t.log(`seed ${seed}`)
  let state = seed
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 0x7fffffff
  }
  const agent = await crashingAgent(t)
  agent.start()
  const work = giveWork(agent)
  for (let round = 1; round <= 6; round++) {
    const delayMs = 80 + random() * 300
    await new Promise<void>((resolve) => systemClock.setTimer(delayMs, resolve))
    agent.kill()
    await until('it to be gone', () => agent.deaths() === round)
    agent.start()
  }
  await t.notThrowsAsync(checkAll(agent, work))
})

test.serial('a program that the killed agent left behind is ended, and nothing else is', async (t) => {
  const agent = await crashingAgent(t)
  const pidFile = join(agent.directory, 'pid')
  agent.start({ failpoints: 'agent.action.spawned' })
  agent.give('exec', agent.hub.task({ taskUid: 'exec', action: 'exec' }, { command: ['sh', '-c', `echo $$ > ${pidFile}; exec sleep 300`] }))
  await until('the agent to die', () => agent.deaths() === 1)
  const pid = Number(await until('the pid', () => existsSync(pidFile) && readFileSync(pidFile, 'utf8').trim()))
  t.notThrows(() => process.kill(pid, 0))
  agent.start()
  await until('the end', () => endOf(agent, 'exec').end)
  t.like(endOf(agent, 'exec').end, { state: 'Failed', reason: 'Interrupted' })
  t.regex(endOf(agent, 'exec').end?.message ?? '', /process group/)
  await until('it to be ended', () => !existsSync(`/proc/${pid}`) || /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')))
})

const mutants = [
  { mutant: 'ack-before-journal', point: 'agent.order.received', message: /both tasks to end/ },
  { mutant: 'run-exec-again', point: 'agent.action.exited', message: /the program ran 2 times/ },
]
for (const { mutant, point, message } of mutants)
  test.serial(`the checks bite: an agent that does ${mutant} is caught`, async (t) => {
    const { agent, work } = await crashOnce(t, point, mutant)
    await t.throwsAsync(checkAll(agent, work, 3_000), { message })
  })

test.serial('the checks bite: an agent that forgets events before they are acknowledged is caught', async (t) => {
  const agent = await crashingAgent(t)
  const lost = agent.hub.take
  let isLossy = true
  // The first batch does not arrive: the agent dies before it could be sent again.
  agent.hub.take = (batch) => {
    if (!isLossy) return lost(batch)
    isLossy = false
    agent.kill()
    return { committedSequence: 0n, refused: 'Busy', message: '' }
  }
  agent.start({ mutant: 'forget-before-ack' })
  const work = giveWork(agent)
  await until('the agent to die', () => agent.deaths() === 1)
  agent.start({ mutant: 'forget-before-ack' })
  await t.throwsAsync(checkAll(agent, work, 3_000), { message: /events were lost|tasks to end/ })
})
