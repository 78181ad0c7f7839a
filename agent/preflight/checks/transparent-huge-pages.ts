import { readLine } from '#agent/facts/sources/system.ts'
import { type Check, fail, pass } from '../types.ts'

const path = '/sys/kernel/mm/transparent_hugepage/enabled'

export const transparentHugePages: Check = {
  id: 'TransparentHugePages',
  group: 'host',
  severity: 'warning',
  expected: 'transparent huge pages are madvise or never',
  source: 'memory growth and latency of databases in pods; Go runtime guide on THP',
  async run({ host }) {
    const text = await readLine(host, path)
    if (text === undefined) return pass('the kernel has none')
    const mode = /\[(\w+)\]/.exec(text)?.[1] ?? text
    return mode === 'always'
      ? fail(mode, `\`echo madvise > ${path}\`, and transparent_hugepage=madvise on the kernel command line to keep it.`)
      : pass(mode)
  },
}
