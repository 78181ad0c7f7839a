// The pages with canned data, for working on them without a hub: node test/pages/dev-server.ts
import { startFakeApi } from './fake-api.ts'
import { smallFleet } from './fixtures.ts'

const api = await startFakeApi()
smallFleet(api)
console.log(api.url)
