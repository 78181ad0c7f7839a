// Makes the three kinds of certificate: fleet CA, server leaf, agent leaf. Knows nothing of files.
import 'reflect-metadata'
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign, verify, webcrypto, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'
import { pinOf } from './csr.ts'

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const
const dayMs = 24 * 3600 * 1000
/** A machine's clock may be behind the hub's by this much. */
const clockSkewMs = 5 * 60 * 1000
const caLifeMs = 10 * 365 * dayMs
export const serverLifeMs = 365 * dayMs

export interface KeyAndCertificate {
  keyPem: string
  certPem: string
}

export interface Issuer {
  certificate: x509.X509Certificate
  signingKey: webcrypto.CryptoKey
  keyIdentifier: x509.Extension
}

export interface Validity {
  notBefore: Date
  notAfter: Date
}

/** 126 random bits; the first digit is 4 to 7, so that no encoder adds or drops a leading zero. */
export function newSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}

export const validityFrom = (now: Date, lifeMs: number): Validity => ({
  notBefore: new Date(Math.floor((now.getTime() - clockSkewMs) / 1000) * 1000),
  notAfter: new Date(Math.floor((now.getTime() + lifeMs) / 1000) * 1000),
})

export async function newKeyPem(): Promise<string> {
  const pair = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify'])
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', pair.privateKey))
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' }).toString()
}

const spkiDer = (keyPem: string) => new Uint8Array(createPublicKey(keyPem).export({ format: 'der', type: 'spki' }))
export const pinOfKey = (keyPem: string): string => pinOf(spkiDer(keyPem))

async function importPair(keyPem: string): Promise<webcrypto.CryptoKeyPair> {
  const pkcs8 = new Uint8Array(createPrivateKey(keyPem).export({ format: 'der', type: 'pkcs8' }))
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, keyAlgorithm, false, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spkiDer(keyPem), keyAlgorithm, true, ['verify']),
  }
}

export async function createCa(now: Date): Promise<KeyAndCertificate> {
  const keyPem = await newKeyPem()
  const keys = await importPair(keyPem)
  const serialNumber = newSerial()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber,
    name: `CN=Moorline fleet CA ${serialNumber.slice(0, 8)}`,
    ...validityFrom(now, caLifeMs),
    keys,
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { keyPem, certPem: pem(certificate) }
}

export async function issuerFrom({ keyPem, certPem }: KeyAndCertificate): Promise<Issuer> {
  const { privateKey, publicKey } = await importPair(keyPem)
  return {
    certificate: new x509.X509Certificate(certPem),
    signingKey: privateKey,
    keyIdentifier: await x509.AuthorityKeyIdentifierExtension.create(publicKey),
  }
}

/** Issues a certificate for TLS servers under the names, of which some may be IP addresses. */
export async function issueServer(issuer: Issuer, keyPem: string, names: readonly string[], now: Date): Promise<string> {
  const { publicKey } = await importPair(keyPem)
  return issue(issuer, publicKey, `CN=${names[0]}`, validityFrom(now, serverLifeMs), newSerial(), [
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    new x509.SubjectAlternativeNameExtension(names.map((name) => ({ type: isIP(name) === 0 ? 'dns' : 'ip', value: name }))),
  ])
}

export interface AgentLeaf {
  agentId: string
  publicKey: webcrypto.CryptoKey
  serial: string
  validity: Validity
}
export const spiffeId = (agentId: string): string => `spiffe://moorline/agent/${agentId}`

export async function issueAgent(issuer: Issuer, { agentId, publicKey, serial, validity }: AgentLeaf): Promise<string> {
  return issue(issuer, publicKey, `CN=${agentId}`, validity, serial, [
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    new x509.SubjectAlternativeNameExtension([{ type: 'url', value: spiffeId(agentId) }]),
  ])
}

async function issue(
  issuer: Issuer,
  publicKey: webcrypto.CryptoKey,
  subject: string,
  validity: Validity,
  serialNumber: string,
  extensions: x509.Extension[],
): Promise<string> {
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber,
    subject,
    issuer: issuer.certificate.subjectName,
    ...validity,
    publicKey,
    signingKey: issuer.signingKey,
    signingAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      issuer.keyIdentifier,
      ...extensions,
    ],
  })
  return pem(certificate)
}

const pem = (certificate: x509.X509Certificate): string => `${certificate.toString('pem')}\n`

/**
 * True when the private key really is that of the certificate. A PEM file carries the public half beside the private one, so
 * comparing those would miss a damaged private half: a signature is made and checked. Throws when either cannot be parsed.
 */
export function isPair({ keyPem, certPem }: KeyAndCertificate): boolean {
  const { publicKey } = new X509Certificate(certPem)
  return provesKey(createPrivateKey(keyPem), publicKey)
}

export function provesKey(privateKey: KeyObject, publicKey: KeyObject): boolean {
  const probe = Buffer.from('moorline')
  return verify('sha256', probe, publicKey, sign('sha256', probe, privateKey))
}
