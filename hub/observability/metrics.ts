// Prometheus metrics behind small functions, so that nobody else knows prom-client. One registry per hub: two hubs in one test
// process do not count each other's requests.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export interface Metrics {
  /** After each answer. `route` is the pattern, never the path: its values are bounded. */
  requestFinished(request: { method: string; route: string; status: number; seconds: number }): void
  watchOpened(kind: string): void
  watchClosed(kind: string, reason: 'client' | 'timeout' | 'slow' | 'expired' | 'shutdown'): void
  authenticationFailed(): void
  eventsCommitted(count: number): void
  eventBatchSeconds(seconds: number): void
  tasksFinished(state: string): void
  /** The functions given here and below are read at scrape time. */
  observeResourceVersion(read: () => number): void
  /** For parts with a number of their own; `name` is the whole name, moorline_<part>_<what>. */
  gauge(name: string, help: string, read: () => number): void
  /** One figure per value of a label. */
  gaugeBy(name: string, help: string, label: string, read: () => Readonly<Record<string, number>>): void
  /** As gaugeBy, of figures that only grow. */
  counterBy(name: string, help: string, label: string, read: () => Readonly<Record<string, number>>): void
  counter(name: string, help: string): (by?: number) => void
  text(): Promise<string>
  readonly contentType: string
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  const requests = new Counter({
    name: 'moorline_api_requests_total',
    help: 'Answered API requests.',
    labelNames: ['method', 'route', 'status'],
    registers,
  })
  const latency = new Histogram({
    name: 'moorline_api_request_duration_seconds',
    help: 'Time from the request to the end of its answer, watches and followed logs excepted.',
    labelNames: ['method', 'route'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  })
  const watches = new Gauge({ name: 'moorline_api_watches', help: 'Open watches.', labelNames: ['kind'], registers })
  const watchEnds = new Counter({
    name: 'moorline_api_watches_closed_total',
    help: 'Ended watches by cause; slow means that the reader did not keep up.',
    labelNames: ['kind', 'reason'],
    registers,
  })
  const authFailures = new Counter({
    name: 'moorline_api_authentication_failures_total',
    help: 'Requests with a credential that is not valid.',
    registers,
  })
  const events = new Counter({ name: 'moorline_events_committed_total', help: 'Agent events in committed transactions.', registers })
  const batches = new Histogram({
    name: 'moorline_event_batch_seconds',
    help: 'Time from the arrival of a batch of agent events to its commit.',
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    registers,
  })
  const finished = new Counter({ name: 'moorline_tasks_finished_total', help: 'Finished tasks.', labelNames: ['state'], registers })

  return {
    requestFinished({ method, route, status, seconds }) {
      requests.inc({ method, route, status: String(status) })
      latency.observe({ method, route }, seconds)
    },
    watchOpened: (kind) => watches.inc({ kind }),
    watchClosed(kind, reason) {
      watches.dec({ kind })
      watchEnds.inc({ kind, reason })
    },
    authenticationFailed: () => authFailures.inc(),
    eventsCommitted: (count) => events.inc(count),
    eventBatchSeconds: (seconds) => batches.observe(seconds),
    tasksFinished: (state) => finished.inc({ state }),
    gaugeBy(name, help, label, read) {
      new Gauge({
        name,
        help,
        labelNames: [label],
        registers,
        collect() {
          this.reset()
          for (const [value, count] of Object.entries(read())) this.set({ [label]: value }, count)
        },
      })
    },
    counterBy(name, help, label, read) {
      new Counter({
        name,
        help,
        labelNames: [label],
        registers,
        collect() {
          this.reset()
          for (const [value, count] of Object.entries(read())) this.inc({ [label]: value }, count)
        },
      })
    },
    observeResourceVersion: (read) => void gauge('moorline_resource_version', 'Last resourceVersion.', read),
    gauge,
    counter(name, help) {
      const counter = new Counter({ name, help, registers })
      return (by = 1) => counter.inc(by)
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }

  function gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  }
}
