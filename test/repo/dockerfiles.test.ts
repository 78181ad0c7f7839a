import { readFile } from 'node:fs/promises'
import test from 'ava'
import { parseDockerfile } from '#scripts/check/dockerfile.ts'
import { inRepository } from '#test/helpers/paths.ts'
import { agentMemory, asAssignments, hubMemory } from '#shared/contract/memory.ts'
import { checkDockerfile, checkDockerfiles } from '#scripts/check/dockerfiles.ts'

const good = `FROM node:26.10.0-bookworm AS build
WORKDIR /app
COPY package.json ./
RUN npm ci --ignore-scripts \\
  --no-audit
FROM debian:bookworm-slim
COPY --from=build /app/dist dist
USER 10001
ENTRYPOINT ["/app/run", "--flag"]
`
const check = (text: string) => checkDockerfile(text, '26.10.0', (path) => path === 'package.json')

test('images and documentation have the memory settings of the programs', async (t) => {
  const hub = [asAssignments(hubMemory.environment), ...hubMemory.flags]
  const wanted = { 'Dockerfile.hub': hub, 'docs/operations.md': hub, 'Dockerfile.agent': [asAssignments(agentMemory.environment)] }
  for (const [file, texts] of Object.entries(wanted)) {
    const content = await readFile(inRepository(file), 'utf8')
    for (const text of texts) t.true(content.includes(text), `${file}: ${text}`)
  }
})

test('our Dockerfiles keep the rules', async (t) => {
  t.deepEqual(await checkDockerfiles(), [])
})

test('stages, options, continuation lines and the exec form are read', (t) => {
  const [build, final] = parseDockerfile(good)
  t.is(build?.name, 'build')
  t.is(build?.instructions.at(-1)?.text, 'npm ci --ignore-scripts --no-audit')
  t.deepEqual(final?.instructions[0]?.options, { from: 'build' })
  t.deepEqual(final?.instructions.at(-1)?.words, ['/app/run', '--flag'])
  t.throws(() => parseDockerfile('FROM a:1\nSHELL x y\n'), { message: /line 2/ })
})

test('each rule finds what breaks it', (t) => {
  t.deepEqual(check(good), [])
  const broken: [string, string, RegExp][] = [
    ['USER 10001\n', '', /numeric user/],
    ['USER 10001', 'USER root', /numeric user/],
    ['["/app/run", "--flag"]', '/app/run', /exec form/],
    ['debian:bookworm-slim', 'debian', /no fixed tag/],
    ['debian:bookworm-slim', 'debian:latest', /no fixed tag/],
    ['node:26.10.0', 'node:25.0.0', /is not Node 26/],
    ['--ignore-scripts', '--quiet', /install scripts/],
    ['npm ci --ignore-scripts', 'npm install', /without the lock file/],
    ['--from=build', '--from=other', /does not exist/],
    ['COPY package.json', 'COPY none.json', /does not exist/],
    ['RUN npm ci', 'RUN curl -o x y && npm ci', /downloads/],
  ]
  for (const [from, to, finding] of broken) t.regex(check(good.replace(from, to)).join('\n'), finding, `${from} → ${to}`)
})
