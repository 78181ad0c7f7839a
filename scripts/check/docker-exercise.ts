// Performs the steps of the Dockerfiles without a container engine: each stage is a folder, COPY copies what is tracked, RUN runs
// in the stage's working directory with the pinned Node, and the result is started as the image's user, in a network
// namespace that has nothing but loopback. System steps (apt-get, useradd) are not performed; the programs that they bring must be here.
import { chmod, cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { runCommand, tryCommand } from '#scripts/dev/command.ts'
import { repositoryRoot } from '#scripts/dev/root.ts'
import { parseDockerfile, type Instruction, type Stage } from './dockerfile.ts'
import { dockerfiles } from './dockerfiles.ts'
import { listFiles } from './sources.ts'

const isSystemStep = (text: string) => /\b(apt-get|useradd)\b/.test(text)
/** What proves that an image works: a command for the exec form of ENTRYPOINT, run as its user. */
const proofs: Readonly<Record<string, readonly string[]>> = {
  'Dockerfile.hub': ['scripts/check/docker-hub-proof.ts'],
  'Dockerfile.agent': ['scripts/check/docker-agent-proof.ts'],
}

let failed = 0
for (const name of dockerfiles) {
  const startedMs = performance.now()
  const root = await mkdtemp(join(tmpdir(), 'moorline-image-'))
  // The image's user has to get at the files.
  await chmod(root, 0o755)
  try {
    const stages = parseDockerfile(await readFile(join(repositoryRoot, name), 'utf8'))
    for (const stage of stages) await buildStage(root, stage)
    const final = stages.at(-1)
    if (!final) throw new Error(`${name} has no stage`)
    await prove(name, join(root, final.name), final)
    console.log(`✔ ${name} ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
  } catch (error) {
    failed++
    console.log(`✖ ${name}: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}
console.log(`${dockerfiles.length - failed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)

async function buildStage(root: string, stage: Stage): Promise<void> {
  const folder = join(root, stage.name)
  let workdir = '/'
  await mkdir(folder, { recursive: true, mode: 0o755 })
  for (const instruction of stage.instructions) {
    if (instruction.keyword === 'WORKDIR') {
      workdir = instruction.text
      await mkdir(join(folder, workdir), { recursive: true })
    } else if (instruction.keyword === 'COPY')
      await copy(root, join(folder, instruction.words.at(-1)?.startsWith('/') ? '/' : workdir), instruction)
    else if (instruction.keyword === 'RUN' && !isSystemStep(instruction.text)) {
      console.log(`  ${stage.name}: ${instruction.text}`)
      const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH']}` }
      await runCommand('sh', ['-euc', instruction.text], { cwd: join(folder, workdir), env })
    }
  }
}

/** COPY sources… destination: the content of a folder goes into the destination, as the engine does it. */
async function copy(root: string, into: string, { options, words }: Instruction): Promise<void> {
  const sources = words.slice(0, -1)
  const destination = words.at(-1) ?? ''
  const target = join(into, destination)
  for (const source of sources) {
    const from = options['from']
    if (from) await cp(join(root, from, source), target, { recursive: true, verbatimSymlinks: true })
    else await copyTracked(source, target, destination.endsWith('/'))
  }
}

async function copyTracked(source: string, target: string, isInto: boolean): Promise<void> {
  const prefix = source === '.' ? '' : `${source}/`
  for (const path of await listFiles((one) => one === source || one.startsWith(prefix))) {
    const to = path === source ? (isInto ? join(target, path) : target) : join(target, path.slice(prefix.length))
    await mkdir(dirname(to), { recursive: true })
    await cp(join(repositoryRoot, path), to, { verbatimSymlinks: true })
  }
}

async function prove(name: string, folder: string, stage: Stage): Promise<void> {
  const user = stage.instructions.findLast(({ keyword }) => keyword === 'USER')?.text ?? ''
  const entry = stage.instructions.findLast(({ keyword }) => keyword === 'ENTRYPOINT')?.words ?? []
  const workdir = stage.instructions.findLast(({ keyword }) => keyword === 'WORKDIR')?.text ?? '/'
  const state = await mkdtemp(join(tmpdir(), 'moorline-image-state-'))
  try {
    await runCommand('chown', [`${user}:${user}`, state])
    const proof = [
      process.execPath,
      ...(proofs[name] ?? []).map((path) => join(repositoryRoot, path)),
      folder,
      workdir,
      state,
      user,
      ...entry,
    ]
    const result = await tryCommand('unshare', ['--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...proof])
    if (result.code !== 0) throw new Error(`the image's program does not work:\n${result.stdout}${result.stderr}`)
  } finally {
    await rm(state, { recursive: true, force: true })
  }
}
