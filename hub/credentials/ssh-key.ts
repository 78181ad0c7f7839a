// What can be said about a private key of SSH without the seconds of computing that opening an encrypted one takes.
import ssh2 from 'ssh2'

/** ssh-keygen's default is 24; guides recommend 100. Each costs tens of milliseconds, on each use. */
export const maxKeyRounds = 128
const magic = Buffer.from('openssh-key-v1\0')

export type KeyLook =
  | { isEncrypted: boolean }
  | { problem: string /** Which field the problem is in. */; field: 'privateKey' | 'passphrase' }

export function lookAtKey(privateKey: string, hasPassphrase: boolean): KeyLook {
  const container = openSshContainer(privateKey)
  const isEncrypted = container ? container.cipher !== 'none' : /^Proc-Type: 4,ENCRYPTED/m.test(privateKey)
  if (container && isEncrypted && (container.rounds ?? 0) > maxKeyRounds)
    return {
      field: 'privateKey',
      problem: `its passphrase is protected by ${container.rounds} rounds, more than ${maxKeyRounds}; write it anew with ssh-keygen -p -a 24`,
    }
  if (isEncrypted)
    return hasPassphrase ? { isEncrypted } : { field: 'passphrase', problem: 'the private key is encrypted, so its passphrase is needed' }
  const [key] = [ssh2.utils.parseKey(privateKey)].flat()
  if (!key || key instanceof Error)
    return { field: 'privateKey', problem: 'it is not a private key in the OpenSSH format or in PEM (RSA, EC)' }
  if (!key.isPrivateKey()) return { field: 'privateKey', problem: 'this is a public key; give the private one' }
  return { isEncrypted }
}

/** Cipher and rounds of the container that ssh-keygen writes (PROTOCOL.key of OpenSSH). Undefined for other formats. */
export function openSshContainer(text: string): { cipher: string; rounds?: number } | undefined {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----/.exec(text)?.[1]
  const bytes = Buffer.from(body ?? '', 'base64')
  if (!bytes.subarray(0, magic.length).equals(magic)) return undefined
  let at = magic.length
  const next = (): Buffer | undefined => {
    if (at + 4 > bytes.length) return undefined
    const length = bytes.readUInt32BE(at)
    const start = at + 4
    if (start + length > bytes.length) return undefined
    at = start + length
    return bytes.subarray(start, at)
  }
  const cipher = next()
  const kdf = next()
  const options = next()
  if (!cipher || !kdf || !options) return undefined
  const rounds = kdf.toString('latin1') === 'bcrypt' && options.length >= 4 ? options.readUInt32BE(options.length - 4) : undefined
  return { cipher: cipher.toString('latin1'), rounds }
}

/** Seconds of computing for an encrypted key: for a thread of its own. */
export function isOpenedBy(privateKey: string, passphrase: string): boolean {
  const [key] = [ssh2.utils.parseKey(privateKey, passphrase)].flat()
  return key !== undefined && !(key instanceof Error) && key.isPrivateKey()
}
