import { testBed } from './bed/for-tests.ts'
import { untilReady } from './bed/cluster.ts'
import { writeFile } from 'node:fs/promises'
const bed = testBed(console.log)
const t = performance.now()
await untilReady(bed, { name: 'c1', index: 1 })
console.log('ready', performance.now() - t)
await writeFile(
  bed.run + '/ready.json',
  JSON.stringify({
    machines: [
      { name: 'c1', index: 1 },
      { name: 'w1', index: 2 },
    ],
  }),
)
