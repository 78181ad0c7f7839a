import test from 'ava'
import { parseProxy, proxyFor, showProxy } from '#agent/config/proxy.ts'

test('the forms of a proxy', (t) => {
  t.deepEqual(parseProxy('socks5://proxy:1081', 'p'), { kind: 'socks5', host: 'proxy', port: 1081 })
  t.deepEqual(parseProxy('socks5h://proxy', 'p'), { kind: 'socks5', host: 'proxy', port: 1080 })
  t.deepEqual(parseProxy('http://proxy', 'p'), { kind: 'http', host: 'proxy', port: 8080 })
  t.deepEqual(parseProxy('http://proxy:80/', 'p'), { kind: 'http', host: 'proxy', port: 80 })
  t.deepEqual(parseProxy('http://[2001:db8::1]:3128', 'p'), { kind: 'http', host: '2001:db8::1', port: 3128 })
  t.deepEqual(parseProxy('socks5://us%40er:p%3Aw%2F@proxy:1', 'p'), {
    kind: 'socks5',
    host: 'proxy',
    port: 1,
    username: 'us@er',
    password: 'p:w/',
  })
})

for (const text of [
  '',
  'proxy:1080',
  'https://proxy:443',
  'socks4://proxy',
  'http://',
  'http://proxy/path',
  'http://proxy?x',
  'http://secret%zz@proxy',
  `socks5://${'u'.repeat(256)}:p@proxy`,
  'http://a%3Ab:c@proxy',
]) {
  test(`${JSON.stringify(text.slice(0, 30))} is refused under the name of its setting, without showing it`, (t) => {
    const error = t.throws(() => parseProxy(text, 'MOORLINE_PROXY'))
    t.is((error as { code?: string }).code, 'ConfigInvalid')
    t.regex(error.message, /^MOORLINE_PROXY: /)
    t.notRegex(error.message, /secret/)
  })
}

test('a shown proxy has no password', (t) => {
  t.is(showProxy(parseProxy('socks5://me:secret@proxy:1080', 'p')), 'socks5://me:***@proxy:1080')
  t.is(showProxy(undefined), 'none')
})

test('only what the list names goes around an explicit proxy', (t) => {
  const proxy = parseProxy('http://proxy', 'p')
  t.is(proxyFor('hub.example.org', proxy, ''), proxy)
  t.is(proxyFor('hub.example.org', proxy, 'example.org'), undefined)
  t.is(proxyFor('192.0.2.9', proxy, '192.0.2.0/24'), undefined)
  t.is(proxyFor('192.0.3.9', proxy, '192.0.2.0/24'), proxy)
  t.is(proxyFor('localhost', proxy, ''), proxy)
  t.is(proxyFor('localhost', proxy, 'localhost'), undefined)
  t.is(proxyFor('hub', undefined, ''), undefined)
})
