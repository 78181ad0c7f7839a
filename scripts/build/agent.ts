// dist/moorline-agent-linux-x64: one executable with everything in it. The order matters: Node is stripped before the program is
// put in, because stripping afterwards destroys the program.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { constants, zstdCompress } from 'node:zlib'
import { build } from 'esbuild'
import { agentMemory } from '#shared/contract/memory.ts'
import { ptyAsset } from '#agent/host/pty-addon.ts'
import { runCommand } from '#scripts/dev/command.ts'
import { repositoryRoot } from '#scripts/dev/root.ts'
import { digestOf } from './digest.ts'
import { installSeaTools } from './node-lts.ts'
import { workFolder } from './work-folder.ts'

export const agentName = 'moorline-agent-linux-x64'
const sentinel = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'
/** What is shipped; building for oneself may use less. */
const shippedZstdLevel = 19
const sources = ['agent', 'shared', 'proto/gen', 'scripts/build', 'package-lock.json', 'package.json']

/**
 * SIGUSR1 would open a debugger port; the memory limits are what keeps an idle agent small. `execArgvExtension: none`: neither
 * NODE_OPTIONS nor arguments reach the runtime.
 */
const seaOptions = {
  disableExperimentalSEAWarning: true,
  useCodeCache: true,
  useSnapshot: false,
  execArgv: ['--disable-sigusr1', ...agentMemory.flags],
  execArgvExtension: 'none',
} as const

export interface AgentBuild {
  path: string
  sizeBytes: number
  compressedBytes: number
  sha256: string
  nodeVersion: string
}

export interface AgentBuildOptions {
  entry?: string
  outputFolder?: string
  version?: string
  zstdLevel?: number
  print(line: string): void
}

export async function buildAgent(options: AgentBuildOptions): Promise<AgentBuild> {
  const outputFolder = options.outputFolder ?? join(repositoryRoot, 'dist')
  const zstdLevel = options.zstdLevel ?? shippedZstdLevel
  const work = await workFolder()
  try {
    const tools = await installSeaTools(work, options.print)
    options.print('bundling the agent …')
    const bundle = join(work, 'agent.cjs')
    await bundleAgent(options.entry ?? join(repositoryRoot, 'agent/main.ts'), bundle, options.version ?? (await packageVersion()))
    const blob = join(work, 'agent.blob')
    const assets = { [ptyAsset]: await strippedPty(work) }
    await writeFile(join(work, 'sea.json'), JSON.stringify({ main: bundle, output: blob, assets, ...seaOptions }))
    // With the flags that it will run with: V8 rejects a code cache made under others.
    await runCommand(tools.node, [...seaOptions.execArgv, '--experimental-sea-config', join(work, 'sea.json')], { cwd: work })
    const executable = join(work, agentName)
    await copyFile(tools.node, executable)
    await chmod(executable, 0o755)
    await runCommand('strip', [executable])
    await runCommand(process.execPath, [tools.postject, executable, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', sentinel], { cwd: work })
    options.print(`compressing it (zstd -${zstdLevel}) …`)
    return { ...(await publish(executable, outputFolder, zstdLevel)), nodeVersion: tools.nodeVersion }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Builds into dist when there is none yet, or one of other sources or of a lower compression. False: nothing had to be done. */
export async function ensureAgent({
  print,
  zstdLevel = shippedZstdLevel,
}: Pick<AgentBuildOptions, 'print' | 'zstdLevel'>): Promise<boolean> {
  const stampFile = join(repositoryRoot, 'dist/agent.stamp')
  const digest = await digestOf(repositoryRoot, sources)
  if (existsSync(stampFile) && existsSync(join(repositoryRoot, 'dist', `${agentName}.sha256`))) {
    const [builtDigest, builtLevel] = (await readFile(stampFile, 'utf8')).trim().split(' ')
    if (builtDigest === digest && Number(builtLevel) >= zstdLevel) return false
  }
  await buildAgent({ print, zstdLevel })
  await writeFile(stampFile, `${digest} ${zstdLevel}\n`)
  return true
}

async function packageVersion(): Promise<string> {
  return (JSON.parse(await readFile(join(repositoryRoot, 'package.json'), 'utf8')) as { version: string }).version
}

async function bundleAgent(entry: string, output: string, version: string): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile: output,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minify: true,
    // Names of classes and functions stay readable in errors.
    keepNames: true,
    legalComments: 'none',
    define: { MOORLINE_VERSION: JSON.stringify(version), 'import.meta.url': 'undefined' },
    logLevel: 'silent',
    absWorkingDir: repositoryRoot,
  })
}

/** node-pty's library for the platform that the executable is for; it needs an older glibc than Node itself. */
async function strippedPty(work: string): Promise<string> {
  const path = join(work, ptyAsset)
  await copyFile(join(repositoryRoot, 'node_modules/node-pty/prebuilds/linux-x64', ptyAsset), path)
  await chmod(path, 0o644)
  await runCommand('strip', ['--strip-unneeded', path])
  return path
}

/** Executable, .zst and .sha256, each written aside and renamed, so that a hub that serves the folder never hands out half a file. */
async function publish(executable: string, folder: string, zstdLevel: number): Promise<Omit<AgentBuild, 'nodeVersion'>> {
  await mkdir(folder, { recursive: true })
  const content = await readFile(executable)
  const compressed = await promisify(zstdCompress)(content, {
    params: { [constants.ZSTD_c_compressionLevel]: zstdLevel, [constants.ZSTD_c_checksumFlag]: 1 },
  })
  const digest = (data: Buffer) => createHash('sha256').update(data).digest('hex')
  const sha256 = digest(content)
  const path = join(folder, agentName)
  const put = async (target: string, data: string | Buffer, mode: number) => {
    await writeFile(`${target}.partial`, data, { mode })
    await rename(`${target}.partial`, target)
  }
  await put(path, content, 0o755)
  await put(`${path}.zst`, compressed, 0o644)
  await put(`${path}.sha256`, `${sha256}  ${agentName}\n${digest(compressed)}  ${agentName}.zst\n`, 0o644)
  return { path, sizeBytes: content.length, compressedBytes: compressed.length, sha256 }
}
