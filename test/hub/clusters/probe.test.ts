import test from 'ava'
import { probeCluster } from '#hub/clusters/probe.ts'
import { ClusterReadError } from '#hub/clusters/read.ts'
import { type Answer, json, startClusterServer } from './server.ts'

const kubeSystem = '/api/v1/namespaces/kube-system'
const good: Record<string, Answer> = {
  '/version': json({ gitVersion: 'v1.31.4', platform: 'linux/amd64', goVersion: 'x' }),
  [kubeSystem]: json({ metadata: { uid: '8d5f2c1e-0000-4000-8000-000000000001' } }),
}

test('a cluster says its version and which one it is, to the hub’s own identity', async (t) => {
  const { reader, seen } = await startClusterServer(t, good)
  t.deepEqual(await probeCluster(reader), {
    version: 'v1.31.4',
    platform: 'linux/amd64',
    kubeSystemUID: '8d5f2c1e-0000-4000-8000-000000000001',
  })
  for (const { headers } of seen) {
    t.is(headers['impersonate-user'], 'moorline:hub')
    t.is(headers['impersonate-group'], 'moorline:observe')
  }
})

const status = (message: string, code: number) => json({ kind: 'Status', message, code }, code)
const wrong: Record<string, { answers: Record<string, Answer>; reason: string; message: RegExp }> = {
  'refuses the credential': { answers: { '/version': status('Unauthorized', 401) }, reason: 'Unauthorized', message: /401: Unauthorized$/ },
  'forbids the namespace': {
    answers: { ...good, [kubeSystem]: status('namespaces "kube-system" is forbidden', 403) },
    reason: 'Forbidden',
    message: /kube-system: 403: namespaces "kube-system" is forbidden$/,
  },
  'has no kube-system': {
    answers: { '/version': good['/version'] as Answer },
    reason: 'NotUnderstood',
    message: /nothing tells this cluster from others/,
  },
  fails: { answers: { '/version': status('etcd\u001b[2J\nis away', 503) }, reason: 'Failing', message: /503: etcd \[2J is away$/ },
  'is a page of HTML': {
    answers: { '/version': (_request, response) => void response.end('<html>') },
    reason: 'NotUnderstood',
    message: /not valid JSON/,
  },
  'says a version that is none': {
    answers: { ...good, '/version': json({ gitVersion: 'v1.31 <script>' }) },
    reason: 'NotUnderstood',
    message: /gitVersion/,
  },
  'never stops talking': {
    answers: { '/version': (_request, response) => void response.end(`{"gitVersion":"${'v'.repeat(64 * 1024)}"}`) },
    reason: 'NotUnderstood',
    message: /larger than 16384 bytes/,
  },
  compresses: {
    answers: { '/version': (_request, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('x') },
    reason: 'NotUnderstood',
    message: /compressed/,
  },
  'cuts its answer short': {
    answers: {
      '/version': (request, response) => {
        response.writeHead(200, { 'content-length': 100 })
        response.write('{')
        setImmediate(() => request.socket.destroy())
      },
    },
    reason: 'Unreachable',
    message: /GET \/version/,
  },
}

for (const [what, { answers, reason, message }] of Object.entries(wrong))
  test(`a cluster that ${what} is an error that says so`, async (t) => {
    const { reader } = await startClusterServer(t, answers)
    const error = await t.throwsAsync(probeCluster(reader), { instanceOf: ClusterReadError })
    t.is((error as ClusterReadError).reason, reason as never)
    t.regex(error.message, message)
  })

test('a cluster that is silent is given up in time, and at once when the caller stops', async (t) => {
  const { reader, stop } = await startClusterServer(t, { '/version': () => {} })
  const asked = probeCluster(reader)
  stop.abort(new Error('enough'))
  await t.throwsAsync(asked, { message: 'enough' })
})
