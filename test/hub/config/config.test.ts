import test from 'ava'
import { OperatorError } from '#shared/errors/api-error.ts'
import { hubHelp, loadHubConfig, parseListen } from '#hub/config/config.ts'

test('a flag wins over the environment and the environment over the default', (t) => {
  const env = { MOORLINE_LISTEN: '127.0.0.1:9000', MOORLINE_DATA: '/srv/m' }
  t.is(loadHubConfig([], {}).config.listen.port, 8443)
  t.is(loadHubConfig([], env).config.listen.port, 9000)
  t.is(loadHubConfig(['--listen', '127.0.0.1:9001'], env).config.listen.port, 9001)
  t.is(loadHubConfig(['--listen=127.0.0.1:9002'], env).config.listen.port, 9002)
  t.is(loadHubConfig([], env).config.dataDir, '/srv/m')
})

test('an address is host:port with IPv6 in brackets', (t) => {
  t.deepEqual(parseListen('[::1]:8443'), { host: '::1', port: 8443 })
  t.deepEqual(parseListen(':8443'), { host: '0.0.0.0', port: 8443 })
  for (const bad of ['8443', 'a:b', 'host:99999', '::1:8443', 'a b:1']) t.is(parseListen(bad), undefined, bad)
})

test('a bad value names the flag, the variable and what is expected', (t) => {
  const error = t.throws(() => loadHubConfig(['--listen', 'nowhere'], {}), { instanceOf: OperatorError })
  t.regex(error.message, /--listen \(MOORLINE_LISTEN\) is 'nowhere'/)
  t.throws(() => loadHubConfig(['--lsten', 'x'], {}), { message: /'--lsten' is not a flag/ })
  t.throws(() => loadHubConfig(['--data'], {}), { message: /--data has no value/ })
  t.throws(() => loadHubConfig(['--public-url', 'http://a'], {}), { message: /--public-url/ })
  t.throws(() => loadHubConfig(['--public-url', "https://a';rm -rf"], {}), { message: /--public-url/ })
  t.throws(() => loadHubConfig(['--tls-cert', 'x'], {}), { message: /--tls-cert/ })
})

test('the certificate names what the hub listens on and how it is reached, not the wildcard', (t) => {
  const { names } = loadHubConfig(
    ['--listen', '0.0.0.0:443', '--public-url', 'https://hub.example.test', '--names', 'a.test, 10.0.0.1'],
    {},
  ).config
  t.true(['localhost', '127.0.0.1', 'hub.example.test', 'a.test', '10.0.0.1'].every((name) => names.includes(name)))
  t.false(names.includes('0.0.0.0'))
})

test('agents reach the public URL, or one of their own that the certificate names as well', (t) => {
  t.is(loadHubConfig(['--public-url', 'https://hub.example.test'], {}).config.agentUrl, 'https://hub.example.test')
  const { agentUrl, publicUrl, names } = loadHubConfig(['--agent-url', 'https://192.0.2.7:8443/'], {}).config
  t.deepEqual({ agentUrl, publicUrl }, { agentUrl: 'https://192.0.2.7:8443', publicUrl: 'https://127.0.0.1:8443' })
  t.true(names.includes('192.0.2.7'))
  t.throws(() => loadHubConfig(['--agent-url', 'http://a'], {}), { message: /--agent-url/ })
})

test('help lists every flag with its variable', (t) => {
  for (const flag of ['--listen', '--data', '--nats-url', '--public-url', 'MOORLINE_DATA']) t.true(hubHelp().includes(flag), flag)
})
