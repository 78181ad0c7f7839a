// A process that holds a gateway until it is killed.
import { startFixture } from '../fixture.ts'

await startFixture({ dataDir: process.argv[2] ?? '' })
process.stdout.write('ready\n')
