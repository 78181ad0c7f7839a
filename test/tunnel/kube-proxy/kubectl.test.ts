import test from 'ava'
import { kubectlPath } from '#test/helpers/kubectl.ts'
import { startProgram } from '#test/helpers/processes.ts'
import { until } from '#test/helpers/until.ts'
import { headersOf, podEvent } from './fake-kube.ts'
import { startKubeSite } from './site.ts'

test('An unmodified kubectl lists, reads, creates and watches through the hub, as its user in the group of its role', async (t) => {
  const site = await startKubeSite(t)
  const token = await site.tokenFor('operator', 'one')
  const list = await site.clusterKubectl(token, 'get', 'pods', '-o', 'name')
  t.is(list.stdout, 'pod/one\npod/two\n', list.stderr)
  const one = await site.clusterKubectl(token, 'get', 'pod', 'one', '-o', 'jsonpath={.status.phase}')
  t.is(one.stdout, 'Running', one.stderr)
  const created = await site.clusterKubectl(token, 'create', 'configmap', 'made', '--from-literal=a=b', '--validate=false')
  t.is(created.stdout, 'configmap/made created\n', created.stderr)

  const watching = await startProgram(t, await kubectlPath(), [
    '--kubeconfig',
    await site.clusterKubeconfig(token),
    'get',
    'pods',
    '--watch',
    '-o',
    'name',
  ])
  await until('the watch to be open', () => site.kube.watches() === 1)
  site.kube.emit(podEvent('ADDED', 'three', 11))
  await until('the event', () => watching.stdout().includes('pod/three'))
  await watching.stop()
  await until('the watch to end at the API server', () => site.kube.watches() === 0)

  for (const seen of site.kube.seen) {
    t.deepEqual(headersOf(seen, 'impersonate-user'), ['moorline:user1'])
    t.deepEqual(headersOf(seen, 'impersonate-group'), ['moorline:edit'])
    t.deepEqual(headersOf(seen, 'authorization'), ['Bearer cluster-token'])
  }
})
