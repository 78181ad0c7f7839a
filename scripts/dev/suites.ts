// The test suites: a folder under test/ each. `isDefault` is what `npm test` runs; the others take minutes and are named.
export interface Suite {
  name: string
  isDefault: boolean
  /** Test files at a time; files that drive several processes each share two cores badly. */
  concurrency: number
  /** One test at a time within a file as well: pages of one browser take the processor from each other. */
  isSerial?: boolean
  /** The dashboard is built first. */
  hasBrowser?: boolean
  /** Passed to ava: silence for longer than this fails the suite. */
  timeout: string
}

export const suites: readonly Suite[] = [
  { name: 'repo', isDefault: true, concurrency: 2, timeout: '2m' },
  { name: 'shared', isDefault: true, concurrency: 2, timeout: '2m' },
  { name: 'hub', isDefault: true, concurrency: 4, timeout: '2m' },
  { name: 'agent', isDefault: true, concurrency: 4, timeout: '2m' },
  { name: 'integration', isDefault: true, concurrency: 3, timeout: '3m' },
  // A browser at a real hub.
  { name: 'e2e', isDefault: true, concurrency: 1, isSerial: true, hasBrowser: true, timeout: '4m' },
  // The dashboard alone, against canned data: every page, every state.
  { name: 'pages', isDefault: false, concurrency: 1, isSerial: true, hasBrowser: true, timeout: '4m' },
  { name: 'tunnel', isDefault: false, concurrency: 2, timeout: '3m' },
  // What the hub reaches or is reached from: SSH servers, clusters, pods, terminals.
  { name: 'peers', isDefault: false, concurrency: 2, hasBrowser: true, timeout: '4m' },
  { name: 'build', isDefault: false, concurrency: 1, timeout: '10m' },
  { name: 'faults', isDefault: false, concurrency: 1, timeout: '5m' },
  { name: 'machines', isDefault: false, concurrency: 1, timeout: '10m' },
  { name: 'load', isDefault: false, concurrency: 1, timeout: '10m' },
]
