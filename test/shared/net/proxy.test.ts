import test from 'ava'
import { computeNoProxy, hideCredentials, isExempt, proxyVariables } from '#shared/net/proxy.ts'

test('proxy variables are read in either case, the upper one first', (t) => {
  t.deepEqual(proxyVariables({ HTTPS_PROXY: 'http://a:1', https_proxy: 'http://b:1', no_proxy: 'x' }), {
    httpProxy: undefined,
    httpsProxy: 'http://a:1',
    noProxy: 'x',
  })
})

test('NO_PROXY exempts addresses, networks, names and their subdomains', (t) => {
  const list = '10.0.0.0/8, .svc,example.com,192.168.1.1'
  for (const host of ['10.1.2.3', 'api.default.svc', 'example.com', 'a.example.com', '192.168.1.1', '127.0.0.1', '::1', 'localhost'])
    t.true(isExempt(host, list), host)
  for (const host of ['11.0.0.1', 'svc', 'badexample.com', '192.168.1.2', 'fd00::1']) t.false(isExempt(host, list), host)
  t.true(isExempt('anything', '*'))
})

test('the computed NO_PROXY exempts everything that it was computed for', (t) => {
  const noProxy = computeNoProxy({ addresses: ['192.0.2.1', 'fd00::1'], hostname: 'node-1', cidrs: ['10.3.0.0/16', '10.4.0.0/16'] })
  for (const host of ['192.0.2.1', 'fd00::1', 'node-1', '10.3.200.1', '10.4.0.1', 'kubernetes.default.svc', 'x.cluster.local'])
    t.true(isExempt(host, noProxy), host)
})

test('a proxy URL is shown without its credentials', (t) => {
  t.is(hideCredentials('http://user:pa55@proxy:3128'), 'http://***@proxy:3128')
  t.is(hideCredentials('user:pa55@proxy:3128'), '***@proxy:3128')
  t.is(hideCredentials('http://proxy:3128'), 'http://proxy:3128')
})
