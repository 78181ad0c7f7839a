// Makes, stores and loads the single pieces of the key directory. A piece's id comes from its public key, so a file that was
// swapped or damaged does not match its own name.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { createCa, isPair, type KeyAndCertificate, newKeyPem, provesKey } from './certificates.ts'
import { sha256Hex } from './csr.ts'
import { damaged, type PkiDirectory } from './manifest.ts'

const idOf = (publicDer: Uint8Array): string => sha256Hex(publicDer).slice(0, 16)
const spki = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' })

export async function writeCa(directory: PkiDirectory, now: Date): Promise<string> {
  const ca = await createCa(now)
  const id = idOf(spki(createPublicKey(ca.keyPem)))
  await directory.write(`ca-${id}.crt`, ca.certPem)
  await directory.write(`ca-${id}.key`, ca.keyPem)
  return id
}

export async function readCaCertificate(directory: PkiDirectory, id: string): Promise<string> {
  const certPem = await directory.read(`ca-${id}.crt`)
  return checked(directory, `ca-${id}.crt`, () => {
    const certificate = new X509Certificate(certPem)
    if (idOf(spki(certificate.publicKey)) !== id) throw new Error('it holds another key than its name says')
    if (!certificate.ca || !certificate.verify(certificate.publicKey)) throw new Error('it is not a self-signed CA certificate')
    return certPem
  })
}

export async function readCa(directory: PkiDirectory, id: string): Promise<KeyAndCertificate> {
  const certPem = await readCaCertificate(directory, id)
  const keyPem = await directory.read(`ca-${id}.key`)
  return checked(directory, `ca-${id}.key`, () => {
    if (!isPair({ keyPem, certPem })) throw new Error('it is not the key of the certificate beside it')
    return { keyPem, certPem }
  })
}

export async function writeWebKey(directory: PkiDirectory): Promise<string> {
  const keyPem = await newKeyPem()
  const id = idOf(spki(createPublicKey(keyPem)))
  await directory.write(`web-${id}.key`, keyPem)
  return id
}

export async function readWebKey(directory: PkiDirectory, id: string): Promise<string> {
  const keyPem = await directory.read(`web-${id}.key`)
  return checked(directory, `web-${id}.key`, () => {
    const key = createPrivateKey(keyPem)
    const publicKey = createPublicKey(key)
    if (idOf(spki(publicKey)) !== id) throw new Error('it holds another key than its name says')
    if (!provesKey(key, publicKey)) throw new Error('its two halves do not fit')
    return keyPem
  })
}

/** The raw 32 bytes of an ed25519 public key; its DER form is a fixed header of 12 bytes and the key (RFC 8410). */
export const rawPublicKey = (key: KeyObject): Buffer => spki(key).subarray(12)

export async function writeTaskKey(directory: PkiDirectory): Promise<string> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const id = idOf(rawPublicKey(publicKey))
  await directory.write(`task-${id}.key`, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString())
  return id
}

export async function readTaskKey(directory: PkiDirectory, id: string): Promise<KeyObject> {
  const keyPem = await directory.read(`task-${id}.key`)
  return checked(directory, `task-${id}.key`, () => {
    const key = createPrivateKey(keyPem)
    if (key.asymmetricKeyType !== 'ed25519' || idOf(rawPublicKey(createPublicKey(key))) !== id) {
      throw new Error('it holds another key than its name says')
    }
    return key
  })
}

function checked<T>(directory: PkiDirectory, name: string, check: () => T): T {
  try {
    return check()
  } catch (cause) {
    throw damaged(directory.path, `${name} is not valid (${(cause as Error).message})`, cause)
  }
}
