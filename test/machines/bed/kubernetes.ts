// Real Kubernetes programs, built from Debian's source package `kubernetes` (its binary packages stop at kubectl), in an overlay over the
// base tree: this machine needs no compiler. About 10 minutes on two cores, once.
import { existsSync } from 'node:fs'
import { cp, glob, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Bed, kubernetesVersion } from './bed.ts'
import { installInTree, runInTree } from './debian.ts'
import { run, step } from './shell.ts'

export const programs = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy', 'kubelet', 'kubeadm'] as const

export const binariesOf = (bed: Bed): string => join(bed.cache, 'kube')

/** Inside the overlay. */
const home = '/build'
const source = `${home}/src/k8s.io/kubernetes`

export async function ensureKubernetes(bed: Bed, base: string): Promise<void> {
  if (programs.every((program) => existsSync(join(binariesOf(bed), program)))) return
  await step(bed, `building Kubernetes ${kubernetesVersion} from Debian's source package (about 10 minutes, once)`, async () => {
    const work = join(bed.cache, 'kube-build')
    const tree = join(work, 'root')
    await discard(work)
    for (const part of ['upper', 'work', 'root']) await mkdir(join(work, part), { recursive: true })
    const layers = `lowerdir=${base},upperdir=${join(work, 'upper')},workdir=${join(work, 'work')}`
    await run('mount', '-t', 'overlay', `${bed.name}-build`, '-o', layers, tree)
    try {
      await prepareSource(bed, tree)
      await compile(bed, tree)
      const partial = `${binariesOf(bed)}.partial`
      await rm(partial, { recursive: true, force: true })
      await mkdir(partial, { recursive: true })
      for (const program of programs) await cp(join(tree, source, '_output/local/bin/linux/amd64', program), join(partial, program))
      await rm(binariesOf(bed), { recursive: true, force: true })
      await rename(partial, binariesOf(bed))
    } finally {
      await discard(work)
    }
  })
}

async function prepareSource(bed: Bed, tree: string): Promise<void> {
  const inBuild = (command: string) => runInTree(tree, ['sh', '-ec', `cd ${home}; ${command}`])
  await step(bed, '  compiler and source', async () => {
    await run('mount', '-t', 'proc', 'proc', join(tree, 'proc'))
    await mkdir(join(tree, home, 'src/k8s.io'), { recursive: true })
    const compiler = ['golang-go', 'gcc', 'libc6-dev', 'make', 'rsync', 'dpkg-dev', 'golang-github-modern-go-reflect2-dev']
    await installInTree(tree, compiler)
    await inBuild('apt-get -qq -o APT::Sandbox::User=root source --download-only kubernetes')
    await inBuild('tar -xzf kubernetes_*.orig.tar.gz -C src/k8s.io; mv src/k8s.io/kubernetes-* src/k8s.io/kubernetes')
  })
  // The vendored reflect2 1.0.1 corrupts memory when it is built with Go 1.18 or newer: kubeadm ends with SIGSEGV. Debian's is 1.0.2.
  const vendored = `${source}/vendor/github.com/modern-go/reflect2`
  const debian = '/usr/share/gocode/src/github.com/modern-go/reflect2'
  await inBuild(`rm -f ${vendored}/*.go ${vendored}/*.s; cp ${debian}/*.go ${vendored}/; : > ${vendored}/reflect2_stub.s`)
  for await (const file of glob('*.s', { cwd: join(tree, debian) })) await inBuild(`cp ${debian}/${file} ${vendored}/`)
}

async function compile(bed: Bed, tree: string): Promise<void> {
  const [major = '', minor = ''] = kubernetesVersion.slice(1).split('.')
  const version = {
    KUBE_GIT_COMMIT: 'debian',
    KUBE_GIT_TREE_STATE: 'clean',
    KUBE_GIT_VERSION: kubernetesVersion,
    KUBE_GIT_MAJOR: major,
    KUBE_GIT_MINOR: minor,
  }
  const lines = Object.entries(version).map(([name, value]) => `${name}='${value}'\n`)
  await writeFile(join(tree, home, 'version.sh'), lines.join(''))
  const env = [
    ...['env', '-u', 'GO111MODULE', `KUBE_GIT_VERSION_FILE=${home}/version.sh`, `GOCACHE=${home}/cache`, 'HOME=/root'],
    // Without the clouds' own code, which is half of the compiler's work and no use here.
    ...['FORCE_HOST_GO=y', 'GOFLAGS=-tags=providerless'],
  ]
  const make = ['make', '-C', source, 'all', `WHAT=${programs.map((program) => `cmd/${program}`).join(' ')}`]
  // Somebody waits for this: each program is said when it is there.
  const said = new Set<string>()
  const watch = setInterval(() => {
    for (const program of programs) {
      if (said.has(program) || !existsSync(join(tree, source, '_output/local/go/bin', program))) continue
      said.add(program)
      bed.print(`  ${program}`)
    }
  }, 1_000)
  try {
    await runInTree(tree, ['nice', ...env, ...make])
  } finally {
    clearInterval(watch)
  }
}

async function discard(work: string): Promise<void> {
  const tree = join(work, 'root')
  if (existsSync(join(tree, 'etc'))) await run('umount', '--recursive', tree)
  await rm(work, { recursive: true, force: true })
}
