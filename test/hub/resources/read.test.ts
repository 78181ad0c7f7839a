import test from 'ava'
import type { WatchEvent } from '#hub/resources/types.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { machine, refusal, testResources } from './support.ts'

const names = (items: readonly { metadata: { name: string } }[]) => items.map((item) => item.metadata.name).join(' ')
const story = (events: readonly WatchEvent[]) => events.map(({ type, object }) => `${type} ${object.metadata.name}`)
const expired = { name: 'ApiError', code: 'Expired' }

test('a list is selected by labels and fields', async (t) => {
  const { resources } = await testResources(t)
  for (const [name, role, site] of [
    ['a', 'worker', 'x'],
    ['b', 'worker', 'y'],
    ['c', 'controlPlane', 'x'],
  ] as const)
    await resources.create('Machine', machine(name, { role }, { labels: { site } }))
  t.is(names(resources.list('Machine').items), 'a b c')
  t.is(names(resources.list('Machine', { labelSelector: 'site in (x)', fieldSelector: 'spec.role=worker' }).items), 'a')
  t.is(names(resources.list('Machine', { fieldSelector: 'metadata.name!=b' }).items), 'a c')
  t.throws(() => resources.list('Machine', { fieldSelector: 'spec.taints=x' }), { name: 'ApiError' })
})

test('pages together are the list, also with a selector', async (t) => {
  const { resources } = await testResources(t)
  for (let i = 0; i < 25; i++)
    await resources.create('Machine', machine(`m${String(i).padStart(2, '0')}`, {}, { labels: { odd: String(i % 2) } }))
  for (const labelSelector of [undefined, 'odd=1']) {
    const all = names(resources.list('Machine', { labelSelector }).items)
    const pages: string[] = []
    let token: string | undefined
    do {
      const page = resources.list('Machine', { labelSelector, limit: 6, continue: token })
      t.true(page.items.length <= 6 && page.items.length > 0)
      pages.push(names(page.items))
      token = page.continue
    } while (token)
    t.is(pages.join(' '), all)
  }
  const first = resources.list('Machine', { limit: 10 })
  t.is(first.remainingItemCount, 15)
  t.is(resources.list('Machine', { limit: 25 }).continue, undefined)
})

test('a watch from the first page brings what changed while the pages were read', async (t) => {
  const { resources } = await testResources(t)
  for (const name of ['a', 'b', 'c', 'd']) await resources.create('Machine', machine(name))
  const first = resources.list('Machine', { limit: 2 })
  await resources.delete('Machine', 'a')
  await resources.create('Machine', machine('aa'))
  const second = resources.list('Machine', { limit: 2, continue: first.continue })
  t.is(names(second.items), 'c d')
  t.is(second.resourceVersion, first.resourceVersion)
  const events: WatchEvent[] = []
  resources.watch('Machine', Number(second.resourceVersion), {}, (event) => events.push(event))
  t.deepEqual(story(events), ['DELETED a', 'ADDED aa'])
})

test('a continue token ends with the change log, and must be one of ours', async (t) => {
  const { resources } = await testResources(t, { logLimits: { rows: 10, bytes: 1e6 } })
  for (const name of ['a', 'b', 'c']) await resources.create('Machine', machine(name))
  const first = resources.list('Machine', { limit: 1 })
  for (let i = 0; i < 30; i++) await resources.update('Machine', 'a', machine('a', { displayName: `${i}` }))
  t.throws(() => resources.list('Machine', { limit: 1, continue: first.continue }), expired)
  for (const token of ['x', Buffer.from('{"v":1,"rv":"1","after":1}').toString('base64url'), 'A'.repeat(2000)])
    t.throws(() => resources.list('Machine', { continue: token }), { name: 'ApiError', code: 'BadRequest' })
})

test('for a watcher with a selector an object that leaves it is deleted and one that enters is added', async (t) => {
  const { resources } = await testResources(t)
  const events: WatchEvent[] = []
  resources.watch('Machine', 0, { labelSelector: 'site=x' }, (event) => events.push(event))
  await resources.create('Machine', machine('a', {}, { labels: { site: 'y' } }))
  const move = (site: string, role: string) => resources.update('Machine', 'a', machine('a', { role }, { labels: { site } }))
  await move('x', 'worker')
  await move('x', 'controlPlane')
  const left = await move('y', 'worker')
  await move('y', 'controlPlane')
  await move('x', 'controlPlane')
  await resources.delete('Machine', 'a')
  t.deepEqual(story(events), ['ADDED a', 'MODIFIED a', 'DELETED a', 'ADDED a', 'DELETED a'])
  // As it was when it still matched, under the resourceVersion of the change.
  const gone = events[2]?.object as Machine
  t.deepEqual([gone.metadata.labels?.site, gone.metadata.resourceVersion], ['x', left.metadata.resourceVersion])
})

test('a watch that begins after a restart misses nobody who left', async (t) => {
  const { resources, reopen } = await testResources(t)
  const created = await resources.create('Machine', machine('a', {}, { labels: { site: 'x' } }))
  await resources.update('Machine', 'a', machine('a', {}, { labels: { site: 'y' } }))
  const events: WatchEvent[] = []
  const again = await reopen()
  again.watch('Machine', Number(created.metadata.resourceVersion), { labelSelector: 'site=x' }, (event) => events.push(event))
  t.deepEqual(story(events), ['DELETED a'])
})

test('a watch from before the change log is told to list again', async (t) => {
  const { resources } = await testResources(t, { logLimits: { rows: 5, bytes: 1e6 } })
  await resources.create('Machine', machine('a'))
  for (let i = 0; i < 20; i++) await resources.update('Machine', 'a', machine('a', { displayName: `${i}` }))
  t.throws(() => resources.watch('Machine', 1, {}, () => {}), expired)
})

test('a closed watch is silent', async (t) => {
  const { resources } = await testResources(t)
  const events: WatchEvent[] = []
  resources.watch('Machine', 0, {}, (event) => events.push(event)).close()
  await resources.create('Machine', machine('a'))
  t.is(events.length, 0)
})

test('an unknown kind is not found', async (t) => {
  const { resources } = await testResources(t)
  t.throws(() => resources.list('Nothing'), { name: 'ApiError', code: 'NotFound' })
  t.is((await refusal(t, resources.delete('Nothing', 'x'))).status, 404)
})
