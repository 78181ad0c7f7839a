import { createHash, createPublicKey, verify, X509Certificate } from 'node:crypto'
import { mkdtemp, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import type { Clock } from '#shared/clock/clock.ts'
import { systemClock } from '#shared/clock/clock.ts'
import { ApiError, OperatorError } from '#shared/errors/api-error.ts'
import { verifyCsr } from '#hub/pki/csr.ts'
import { openPki } from '#hub/pki/open.ts'
import { newAgentId, newCsr } from '#test/hub/gateway/fixture.ts'

const dayMs = 24 * 3600 * 1000
const clockAt = (offsetMs: number): Clock => ({ ...systemClock, now: () => new Date(Date.now() + offsetMs) })
const names = ['hub.example', '127.0.0.1']

async function directory(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'moorline-pki-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}
const open = (dataDir: string, offsetMs = 0, extra: object = {}) => openPki({ dataDir, names, clock: clockAt(offsetMs), ...extra })

test('the second start finds the keys of the first, in files only the hub can read', async (t) => {
  const dataDir = await directory(t)
  const first = await open(dataDir)
  const second = await open(dataDir)
  t.deepEqual(second.pins, first.pins)
  t.deepEqual(second.web, first.web)
  t.deepEqual(second.taskSigner.publicKeys, first.taskSigner.publicKeys)
  t.is(second.fleetCaPem, first.fleetCaPem)
  const path = join(dataDir, 'pki')
  t.is((await stat(path)).mode & 0o777, 0o700)
  for (const name of await readdir(path)) t.is((await stat(join(path, name))).mode & 0o777, 0o600, name)
})

test('the pins are those of the two CA certificates in the bundle', async (t) => {
  const pki = await open(await directory(t))
  const certificates = pki.fleetCaPem.match(/-----BEGIN[^]*?END CERTIFICATE-----/g) ?? []
  const pins = certificates.map((pem) =>
    createHash('sha256')
      .update(new X509Certificate(pem).publicKey.export({ format: 'der', type: 'spki' }))
      .digest('base64'),
  )
  t.deepEqual(pins, pki.pins)
})

test('an agent certificate carries the id the hub chose and nothing of the request but its key', async (t) => {
  const pki = await open(await directory(t))
  const agentId = newAgentId()
  const { csrDer, keyPem } = await newCsr('P-256', 'CN=root, O=Somebody Else')
  const issued = await pki.issueAgentCertificate({ csr: await verifyCsr(csrDer), agentId, machineName: 'm' })
  const certificate = new X509Certificate(issued.chainPem)
  t.is(certificate.subject, `CN=${agentId}`)
  t.is(certificate.subjectAltName, `URI:spiffe://moorline/agent/${agentId}`)
  t.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2'])
  t.false(certificate.ca)
  t.is(certificate.serialNumber.toLowerCase(), issued.serial)
  t.is(issued.serial.length, 32)
  t.true(certificate.verify(new X509Certificate(pki.fleetCaPem).publicKey))
  t.is(certificate.validToDate.getTime(), issued.notAfter.getTime())
  t.true(Math.abs(issued.notAfter.getTime() - Date.now() - 7 * dayMs) < 60_000)
  const spki = createPublicKey(keyPem).export({ format: 'der', type: 'spki' })
  const verified = await verifyCsr(csrDer)
  t.is(verified.publicKeyHash, createHash('sha256').update(spki).digest('hex'))
  t.regex(verified.fingerprint, /^([0-9a-f]{4} ){15}[0-9a-f]{4}$/)
  t.deepEqual(certificate.publicKey.export({ format: 'der', type: 'spki' }), spki)
  t.not((await pki.issueAgentCertificate({ csr: await verifyCsr(csrDer), agentId, machineName: 'm' })).serial, issued.serial)
})

test('a request with another curve, a wrong signature, rubbish or too much is refused', async (t) => {
  const pki = await open(await directory(t))
  const { csrDer } = await newCsr()
  const forged = Buffer.from(csrDer)
  forged[forged.length - 3] = (forged[forged.length - 3] ?? 0) ^ 1
  const cases = [
    (await newCsr('P-384')).csrDer,
    forged,
    Buffer.from('rubbish'),
    Buffer.alloc(0),
    Buffer.alloc(5000),
    csrDer.subarray(0, 60),
  ]
  for (const bytes of cases) {
    const error = await t.throwsAsync(verifyCsr(bytes), { instanceOf: ApiError })
    t.is(error.code, 'Invalid')
  }
  await t.throwsAsync(pki.issueAgentCertificate({ csr: await verifyCsr(csrDer), agentId: 'a/../b', machineName: 'm' }))
})

test('the web certificate follows its names and its age while the key, and so the pin, stays', async (t) => {
  const dataDir = await directory(t)
  const first = await open(dataDir)
  const certificate = new X509Certificate(first.web.cert)
  t.truthy(certificate.checkHost('hub.example'))
  t.truthy(certificate.checkIP('127.0.0.1'))
  const renamed = await open(dataDir, 0, { names: ['other.example', '::1'] })
  t.truthy(new X509Certificate(renamed.web.cert).checkHost('other.example'))
  t.truthy(new X509Certificate(renamed.web.cert).checkIP('::1'))
  t.deepEqual(renamed.web.pins, first.web.pins)
  const later = await open(dataDir, 300 * dayMs)
  t.true(new X509Certificate(later.web.cert).validToDate.getTime() > Date.now() + 600 * dayMs)
  t.is(later.web.key, first.web.key)
  t.deepEqual(await later.refresh(), { changed: false })
})

test('names that cannot stand in a certificate are refused before anything is written', async (t) => {
  const dataDir = await directory(t)
  for (const wrong of [[], ['a b'], ['x\n'], ['-a.example'], ['$(id)']]) {
    await t.throwsAsync(openPki({ dataDir, names: wrong, clock: systemClock }), { instanceOf: OperatorError })
  }
  t.deepEqual(await readdir(dataDir), [])
})

test("the operator's own web certificate is served when it fits its key, and refused when not", async (t) => {
  const source = await open(await directory(t))
  const other = await open(await directory(t))
  const dataDir = await directory(t)
  const webFiles = { key: join(dataDir, 'k.pem'), cert: join(dataDir, 'c.pem') }
  await writeFile(webFiles.key, source.web.key)
  await writeFile(webFiles.cert, source.web.cert)
  const pki = await open(dataDir, 0, { webFiles })
  t.true(pki.web.isOperatorProvided)
  t.is(pki.web.cert, source.web.cert)
  t.is(pki.web.pins[0], source.web.pins[0])
  await writeFile(webFiles.key, other.web.key)
  const error = await t.throwsAsync(open(dataDir, 0, { webFiles }), { instanceOf: OperatorError })
  t.is(error.code, 'WebCertificateInvalid')
})

test('after a rotation the prepared CA issues, the old one is trusted until its last certificate has expired, and no sooner is it done again', async (t) => {
  const dataDir = await directory(t)
  const pki = await open(dataDir)
  const [current = '', next = ''] = pki.pins
  const { csrDer } = await newCsr()
  await pki.rotateCa()
  t.is(pki.pins[0], next)
  t.false(pki.pins.includes(current))
  t.is(pki.fleetCaPem.match(/BEGIN/g)?.length, 3)
  const [issuer = ''] = pki.fleetCaPem.match(/-----BEGIN[^]*?END CERTIFICATE-----/) ?? []
  const issued = await pki.issueAgentCertificate({ csr: await verifyCsr(csrDer), agentId: newAgentId(), machineName: 'm' })
  t.true(new X509Certificate(issued.chainPem).verify(new X509Certificate(issuer).publicKey))
  t.true(new X509Certificate(String(pki.agentTls.cert)).verify(new X509Certificate(issuer).publicKey))
  t.is((await t.throwsAsync(pki.rotateCa(), { instanceOf: OperatorError })).code, 'RotationTooSoon')
  const later = await open(dataDir, 7 * dayMs + 1000)
  t.is(later.fleetCaPem.match(/BEGIN/g)?.length, 2)
  await t.notThrowsAsync(later.rotateCa())
})

test('an order is signed with the current key, and the prepared key takes over after a rotation', async (t) => {
  const pki = await open(await directory(t))
  const isSigned = (order: { payload: Buffer; signature: Buffer; keyId: string }, key: Buffer): boolean => {
    const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key])
    const hash = createHash('sha256').update(key).digest('hex').slice(0, 16)
    return order.keyId === hash && verify(null, order.payload, createPublicKey({ key: spki, format: 'der', type: 'spki' }), order.signature)
  }
  const [current = Buffer.alloc(0), next = Buffer.alloc(0)] = pki.taskSigner.publicKeys
  t.is(current.length, 32)
  t.true(isSigned(pki.taskSigner.sign(Buffer.from('order')), current))
  await pki.rotateTaskSigner()
  t.true(isSigned(pki.taskSigner.sign(Buffer.from('order')), next))
})

test('a missing piece is an error with a next step, and no CA is made in its place', async (t) => {
  const dataDir = await directory(t)
  await open(dataDir)
  const path = join(dataDir, 'pki')
  for (const name of (await readdir(path)).filter((entry) => /^(ca-|task-|web-.*key|manifest)/.test(entry))) {
    const content = await readFile(join(path, name))
    await unlink(join(path, name))
    const before = await readdir(path)
    const error = await t.throwsAsync(open(dataDir), { instanceOf: OperatorError }, name)
    t.is(error.code, 'PkiDamaged')
    t.regex(error.next, /backup/)
    t.deepEqual((await readdir(path)).sort(), before.sort())
    await writeFile(join(path, name), content)
  }
  await rm(path, { recursive: true })
  t.is((await t.throwsAsync(open(dataDir, 0, { mustExist: true }), { instanceOf: OperatorError })).code, 'PkiDamaged')
})

test('a start that was cut off while it made the first keys begins again', async (t) => {
  const dataDir = await directory(t)
  await open(dataDir)
  await rename(join(dataDir, 'pki'), join(dataDir, 'pki.new'))
  await t.notThrowsAsync(open(dataDir))
})

test('a flipped bit anywhere is found or harmless, never another key', async (t) => {
  const dataDir = await directory(t)
  const right = await open(dataDir)
  const path = join(dataDir, 'pki')
  const files = (await readdir(path)).filter((name) => !/^(server|web)\.|^server/.test(name))
  const originals = new Map(await Promise.all(files.map(async (name) => [name, await readFile(join(path, name))] as const)))
  await fc.assert(
    fc.asyncProperty(fc.nat(files.length - 1), fc.nat(), fc.nat(7), async (file, position, bit) => {
      const name = files[file] ?? ''
      const bytes = Buffer.from(originals.get(name) ?? '')
      const at = position % bytes.length
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
      await writeFile(join(path, name), bytes)
      try {
        const pki = await open(dataDir)
        t.deepEqual(pki.taskSigner.publicKeys, right.taskSigner.publicKeys)
        t.deepEqual(pki.pins, right.pins)
        t.deepEqual(pki.web.pins, right.web.pins)
      } catch (error) {
        t.true(error instanceof OperatorError, `${name} ${at}: ${String(error)}`)
      } finally {
        await writeFile(join(path, name), originals.get(name) ?? '')
      }
    }),
    { numRuns: 60 },
  )
})
