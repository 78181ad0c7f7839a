import { machineArchitecture } from '#agent/facts/collect.ts'
import { type Check, fail, pass } from '../types.ts'

/** Those that bundles are built for. */
const built = ['amd64', 'arm64']

export const architecture: Check = {
  id: 'Architecture',
  group: 'host',
  severity: 'error',
  expected: `one that bundles are built for: ${built.join(', ')}`,
  source: 'architectures of the bundles',
  async run() {
    const name = machineArchitecture()
    return built.includes(name) ? pass(name) : fail(name, `Use a machine of ${built.join(' or ')}.`)
  },
}
