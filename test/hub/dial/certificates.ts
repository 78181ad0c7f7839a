// A CA and certificates of it, for servers that a test wants to be wrong in one way.
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

export interface Pair {
  /** PEM. */
  cert: string
  key: string
}

export interface TestCa {
  cert: string
  issue(options?: { names?: readonly string[]; notBefore?: Date; notAfter?: Date; commonName?: string }): Promise<Pair>
}

async function keys(): Promise<{ pair: webcrypto.CryptoKeyPair; pem: string }> {
  const pair = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', pair.privateKey)).toString('base64')
  return { pair, pem: `-----BEGIN PRIVATE KEY-----\n${pkcs8.match(/.{1,64}/g)?.join('\n')}\n-----END PRIVATE KEY-----\n` }
}

const dayMs = 86_400_000

export async function testCa(commonName = 'test CA'): Promise<TestCa> {
  const ca = await keys()
  const self = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ name: `CN=${commonName}`, keys: ca.pair as never, signingAlgorithm: algorithm },
    ...{ notBefore: new Date(Date.now() - 400 * dayMs), notAfter: new Date(Date.now() + 400 * dayMs) },
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  })
  return {
    cert: self.toString('pem'),
    async issue({ names = ['127.0.0.1', 'localhost'], notBefore, notAfter, commonName: name = 'leaf' } = {}) {
      const leaf = await keys()
      const made = await x509.X509CertificateGenerator.create({
        ...{
          subject: `CN=${name}`,
          issuer: self.subject,
          publicKey: leaf.pair.publicKey as never,
          signingKey: ca.pair.privateKey as never,
        },
        ...{ signingAlgorithm: algorithm, serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString('hex') },
        notBefore: notBefore ?? new Date(Date.now() - dayMs),
        notAfter: notAfter ?? new Date(Date.now() + 90 * dayMs),
        extensions: [
          new x509.SubjectAlternativeNameExtension(
            names.map((one) => (/^[\d.]+$|:/.test(one) ? { type: 'ip' as const, value: one } : { type: 'dns' as const, value: one })),
          ),
        ],
      })
      return { cert: made.toString('pem'), key: leaf.pem }
    },
  }
}
