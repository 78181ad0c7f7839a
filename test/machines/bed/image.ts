// One-layer container images: some files, and the shared libraries that they need, all from one Debian tree. No container tool is needed.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, lstat, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { runInTree } from './debian.ts'
import { run } from './shell.ts'

export interface ImageRecipe {
  /** name:tag */
  reference: string
  entrypoint: readonly string[]
  /** Programs from outside the tree: path here → path in the image. */
  programs?: Readonly<Record<string, string>>
  /** Paths in the tree; folders with all below. */
  fromTree?: readonly string[]
  /** link → what it says. */
  links?: Readonly<Record<string, string>>
  files?: Readonly<Record<string, string>>
}

export interface Image {
  reference: string
  layer: Buffer
  config: string
  manifest: string
}

export const manifestType = 'application/vnd.docker.distribution.manifest.v2+json'
export const digestOf = (data: Buffer | string): string => `sha256:${createHash('sha256').update(data).digest('hex')}`

/** Changes when the recipe or a file that it names does. */
export async function recipeDigest(recipe: ImageRecipe, tree: string): Promise<string> {
  const paths = [...Object.keys(recipe.programs ?? {}), ...(recipe.fromTree ?? []).map((path) => join(tree, path))]
  const states = await Promise.all(paths.map(async (path) => ((state) => `${path} ${state.size} ${state.mtimeMs}`)(await stat(path))))
  return digestOf(JSON.stringify([recipe, states]))
}

export async function buildImage(recipe: ImageRecipe, tree: string, workFolder: string): Promise<Image> {
  await mkdir(workFolder, { recursive: true })
  const work = await mkdtemp(join(workFolder, 'image-'))
  try {
    const root = join(work, 'root')
    await layOut(recipe, tree, root)
    const tar = join(work, 'layer.tar')
    await run('tar', '--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '-C', root, '-cf', tar, '.')
    const content = await readFile(tar)
    const layer = await promisify(gzip)(content, { level: 1 })
    const config = JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      created: '1970-01-01T00:00:00Z',
      config: { Env: ['PATH=/usr/local/bin:/usr/sbin:/usr/bin'], Entrypoint: recipe.entrypoint },
      rootfs: { type: 'layers', diff_ids: [digestOf(content)] },
    })
    const part = (mediaType: string, data: Buffer | string) => ({ mediaType, size: Buffer.byteLength(data), digest: digestOf(data) })
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: part('application/vnd.docker.container.image.v1+json', config),
      layers: [part('application/vnd.docker.image.rootfs.diff.tar.gzip', layer)],
    })
    return { reference: recipe.reference, layer, config, manifest }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function layOut({ programs = {}, fromTree = [], links = {}, files = {} }: ImageRecipe, tree: string, root: string): Promise<void> {
  for (const folder of ['usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64', 'usr/local/bin', 'etc', 'proc', 'sys', 'dev', 'run', 'var'])
    await mkdir(join(root, folder), { recursive: true })
  await mkdir(join(root, 'tmp'), { mode: 0o777 })
  await run('chmod', '1777', join(root, 'tmp'))
  for (const folder of ['bin', 'sbin', 'lib', 'lib64']) await symlink(`usr/${folder}`, join(root, folder))
  const copy = async (from: string, to: string) => {
    await mkdir(dirname(join(root, to)), { recursive: true })
    await cp(from, join(root, to), { recursive: true, dereference: true })
  }
  const wanted: string[] = []
  for (const path of fromTree) {
    await copy(join(tree, path), path)
    wanted.push(
      ...((await lstat(join(tree, path))).isDirectory()
        ? (await run('find', join(tree, path), '-type', 'f')).trim().split('\n')
        : [join(tree, path)]),
    )
  }
  for (const [from, to] of Object.entries(programs)) {
    await copy(from, to)
    wanted.push(from)
  }
  for (const library of await librariesOf(wanted, tree)) if (!existsSync(join(root, library))) await copy(join(tree, library), library)
  for (const [link, target] of Object.entries(links)) await symlink(target, join(root, link))
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text, { mode: text.startsWith('#!') ? 0o755 : 0o644 })
  }
}

/** As the tree's own linker finds them. Programs from outside are looked at as copies in the tree's /tmp. */
async function librariesOf(paths: readonly string[], tree: string): Promise<Set<string>> {
  const outside = paths.filter((path) => !path.startsWith(`${tree}/`))
  const copies = outside.map((path) => `/tmp/${basename(path)}`)
  for (const [index, copy] of copies.entries()) await cp(outside[index] as string, join(tree, copy))
  try {
    const inside = paths.filter((path) => path.startsWith(`${tree}/`)).map((path) => path.slice(tree.length))
    // ldd ends with 1 for scripts and static programs, which need nothing.
    const text = await runInTree(tree, ['sh', '-c', 'ldd "$@" || true', 'sh', ...inside, ...copies])
    return new Set([...text.matchAll(/(?:=> |^\s+)(\/[^\s]+)/gm)].map((match) => match[1] as string))
  } finally {
    for (const copy of copies) await rm(join(tree, copy), { force: true })
  }
}
