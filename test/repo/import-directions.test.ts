import test from 'ava'
import { checkImports, importsOf } from '#scripts/check/import-rules.ts'
import { readSources } from '#scripts/check/sources.ts'

const violations = (path: string, ...specifiers: string[]) =>
  checkImports({ path, text: specifiers.map((specifier) => `import { x } from '${specifier}'`).join('\n') }).map(
    ({ specifier }) => specifier,
  )

test('no file imports against the direction of the folders', async (t) => {
  const sources = await readSources()
  t.true(sources.length > 20)
  t.deepEqual(sources.flatMap(checkImports), [])
})

test('hub and agent may not import each other, by alias or by path', (t) => {
  t.deepEqual(violations('hub/api/x.ts', '#agent/link/link.ts', '../../agent/link/link.ts', '#shared/log/log.ts'), [
    '#agent/link/link.ts',
    '../../agent/link/link.ts',
  ])
  t.deepEqual(violations('agent/link/x.ts', '#hub/pki/open.ts', '#proto/moorline/v1/control.ts'), ['#hub/pki/open.ts'])
})

test('shared imports nothing of ours and does no I/O', (t) => {
  t.deepEqual(violations('shared/net/x.ts', '#proto/moorline/v1/control.ts', '#hub/store/types.ts', 'node:fs', 'node:net', './y.ts'), [
    '#proto/moorline/v1/control.ts',
    '#hub/store/types.ts',
    'node:fs',
  ])
})

test('inside the hub imports go down only', (t) => {
  t.deepEqual(violations('hub/store/open.ts', '../resources/types.ts', './types.ts'), ['../resources/types.ts'])
  t.deepEqual(violations('hub/controllers/task/x.ts', '#hub/api/server.ts', '#hub/store/types.ts'), ['#hub/api/server.ts'])
  t.deepEqual(violations('hub/gateway/x.ts', '#hub/controllers/task/create.ts', '#hub/pki/types.ts'), ['#hub/controllers/task/create.ts'])
})

test('databases, wires and processes stay behind their module', (t) => {
  t.deepEqual(violations('hub/api/x.ts', 'better-sqlite3', 'nats', '@grpc/grpc-js', 'fastify'), ['better-sqlite3', 'nats', '@grpc/grpc-js'])
  t.deepEqual(violations('agent/preflight/checks/x.ts', 'node:child_process', 'node:fs/promises', 'execa'), [
    'node:child_process',
    'node:fs/promises',
    'execa',
  ])
  t.deepEqual(violations('agent/host/x.ts', 'execa', 'node:fs'), [])
})

test('product code never imports scripts or tests', (t) => {
  t.deepEqual(violations('hub/main.ts', '#scripts/dev/root.ts'), ['#scripts/dev/root.ts'])
  t.deepEqual(violations('agent/main.ts', '#test/helpers/until.ts'), ['#test/helpers/until.ts'])
})

test('imports are found in every form', (t) => {
  const text = `import 'reflect-metadata'
import type { A } from "./a.ts"
import {
  b,
  c,
} from './b.ts'
export * from './c.ts'
export { d } from './d.ts'
const e = await import('./e.ts')
const notOne = 'import x'`
  t.deepEqual(importsOf(text), ['reflect-metadata', './a.ts', './b.ts', './c.ts', './d.ts', './e.ts'])
})
