// The images of the bed: kubeadm's, a pod for tests and the demo, and Moorline's own agent. A stamp in the cache spares what is there.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureAgent } from '#scripts/build/agent.ts'
import { repositoryRoot } from '#scripts/dev/root.ts'
import { type Bed, kubernetesVersion } from './bed.ts'
import { buildImage, type ImageRecipe, recipeDigest } from './image.ts'
import { binariesOf } from './kubernetes.ts'
import { registryAddress } from './network.ts'
import { blobsOf } from './registry.ts'
import { inNamespace, run, step } from './shell.ts'

export const testPodImage = `${registryAddress}/testpod:1`
export const agentImage = `${registryAddress}/moorline-agent:dev`

const libraries = '/usr/lib/x86_64-linux-gnu'
const sleepForever = { entrypoint: ['/usr/bin/sleep', 'infinity'], fromTree: ['/usr/bin/sleep'] }
const iptablesNames = ['iptables', 'iptables-save', 'iptables-restore', 'ip6tables', 'ip6tables-save', 'ip6tables-restore']
const podPrograms = [
  'bash',
  'cat',
  'dd',
  'head',
  'hostname',
  'ls',
  'mkdir',
  'rm',
  'sha256sum',
  'sleep',
  'stat',
  'stty',
  'tail',
  'tar',
  'wc',
  'date',
]

/** Answers one HTTP request, and says so in the log of its pod. */
const hello = `#!/bin/sh
read -r request || exit 0
while read -r field; do [ "\${#field}" -le 1 ] && break; done
printf 'HTTP/1.0 200 OK\\r\\n\\r\\nhello from %s\\n' "$(hostname)"
echo "answered $request" >&2
`

function recipes(bed: Bed): ImageRecipe[] {
  const kube = (program: string): ImageRecipe => ({
    reference: `${program}:${kubernetesVersion}`,
    entrypoint: [],
    programs: { [join(binariesOf(bed), program)]: `/usr/local/bin/${program}` },
  })
  return [
    { reference: 'pause:3.2', ...sleepForever },
    // kubeadm wants it even when its addon phase is skipped; Debian has no coredns.
    { reference: 'coredns:1.7.0', ...sleepForever },
    ...['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'].map(kube),
    { reference: 'etcd:3.4.13-0', entrypoint: [], fromTree: ['/usr/bin/etcd', '/usr/bin/etcdctl'] },
    {
      ...kube('kube-proxy'),
      fromTree: ['/usr/sbin/xtables-nft-multi', `${libraries}/xtables`, '/usr/sbin/conntrack', '/usr/bin/kmod', '/usr/bin/dash'],
      links: {
        ...Object.fromEntries(iptablesNames.map((name) => [`/usr/sbin/${name}`, 'xtables-nft-multi'])),
        ...{ '/usr/sbin/modprobe': '../bin/kmod', '/usr/bin/sh': 'dash' },
      },
    },
    {
      reference: 'testpod:1',
      entrypoint: [],
      fromTree: [...podPrograms.map((name) => `/usr/bin/${name}`), '/usr/bin/socat', '/usr/bin/curl', '/usr/bin/dash'],
      links: { '/usr/bin/sh': 'dash' },
      files: { '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\n', '/etc/group': 'root:x:0:\n', '/usr/local/bin/hello': hello },
    },
    {
      reference: 'moorline-agent:dev',
      entrypoint: ['/usr/local/bin/moorline-agent'],
      programs: { [join(repositoryRoot, 'dist/moorline-agent-linux-x64')]: '/usr/local/bin/moorline-agent' },
      files: { '/etc/passwd': 'moorline:x:10001:10001::/:/usr/sbin/nologin\n', '/etc/group': 'moorline:x:10001:\n' },
    },
  ]
}

export async function ensureImages(bed: Bed, base: string): Promise<void> {
  await ensureAgent({ print: bed.print, zstdLevel: 1 })
  const stamps = join(blobsOf(bed), 'stamps')
  await mkdir(stamps, { recursive: true })
  for (const recipe of recipes(bed)) {
    const stamp = join(stamps, recipe.reference.replace(':', '_'))
    const digest = await recipeDigest(recipe, base)
    if (existsSync(stamp) && (await readFile(stamp, 'utf8')) === digest) continue
    await step(bed, `image ${recipe.reference}`, () => push(bed, recipe, base))
    await writeFile(stamp, digest)
  }
}

async function push(bed: Bed, recipe: ImageRecipe, base: string): Promise<void> {
  const { reference, layer, config, manifest } = await buildImage(recipe, base, bed.run)
  const folder = await mkdtemp(join(bed.run, 'push-'))
  try {
    for (const [name, content] of Object.entries({ reference, layer, config, manifest })) await writeFile(join(folder, name), content)
    const [program = '', ...args] = inNamespace(bed, 'fabric', [
      process.execPath,
      join(import.meta.dirname, 'push.ts'),
      registryAddress,
      folder,
    ])
    await run(program, ...args)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
