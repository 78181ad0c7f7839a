// The hub's key material as one object. Owns dataDir/pki; nothing else reads or writes there.
import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { join } from 'node:path'
import type { SecureContextOptions } from 'node:tls'
import { SignedOrder } from '#proto/moorline/v1/control.ts'
import type { Clock } from '#shared/clock/clock.ts'
import { limits } from '#shared/contract/limits.ts'
import { agentIdPattern, serverNames } from '#shared/contract/subjects.ts'
import { ApiError, OperatorError } from '#shared/errors/api-error.ts'
import { type Issuer, issueAgent, issuerFrom, type KeyAndCertificate, newSerial, pinOfKey, validityFrom } from './certificates.ts'
import { ensurePrivateDirectory } from './files.ts'
import { ensureDirectory, type Manifest, type PkiDirectory, pkiDirectory, readManifest, writeManifest } from './manifest.ts'
import { rawPublicKey, readCa, readCaCertificate, readTaskKey, readWebKey, writeCa, writeTaskKey, writeWebKey } from './pieces.ts'
import { checkNames, ensureServerLeaf, readOperatorLeaf } from './server-leaf.ts'
import type { Pki, WebIdentity } from './types.ts'

export interface PkiOptions {
  dataDir: string
  /** Host names and IP addresses under which browsers and kubectl reach the hub. */
  names: readonly string[]
  clock: Clock
  /** PEM files that replace the web certificate of the fleet CA. */
  webFiles?: { key: string; cert: string }
  /** Refuse to make a new fleet CA; set it when the hub has run before. */
  mustExist?: boolean
}

interface Loaded {
  manifest: Manifest
  current: KeyAndCertificate
  next: KeyAndCertificate
  retired: string[]
  issuer: Issuer
  pins: string[]
  taskKeys: { current: KeyObject; next: KeyObject }
  taskPublicKeys: Buffer[]
  server: KeyAndCertificate
  web: WebIdentity
}

/** Throws OperatorError PkiDamaged when a piece is missing or does not fit; never replaces a CA by itself. */
export async function openPki({ dataDir, names, clock, webFiles, mustExist = false }: PkiOptions): Promise<Pki> {
  const webNames = checkNames(names)
  await ensurePrivateDirectory(dataDir)
  const path = join(dataDir, 'pki')
  await ensureDirectory(path, mustExist, (fresh) => firstManifest(fresh, clock.now()))
  const directory = pkiDirectory(path)

  const load = async (): Promise<Loaded> => {
    const now = clock.now()
    const manifest = await readManifest(directory)
    const current = await readCa(directory, manifest.ca.current)
    const issuer = await issuerFrom(current)
    const request = { directory, issuer, issuerPem: current.certPem, now }
    const web = await loadWeb(directory, manifest, webFiles, (keyPem) =>
      ensureServerLeaf({ ...request, name: 'web', keyPem, names: webNames }),
    )
    const next = await readCa(directory, manifest.ca.next)
    const taskKeys = {
      current: await readTaskKey(directory, manifest.taskSigner.current),
      next: await readTaskKey(directory, manifest.taskSigner.next),
    }
    const trusted = manifest.ca.retired.filter((entry) => Date.parse(entry.trustedUntil) > now.getTime())
    return {
      manifest,
      current,
      next,
      pins: [pinOfKey(current.keyPem), pinOfKey(next.keyPem)],
      retired: await Promise.all(trusted.map((entry) => readCaCertificate(directory, entry.id))),
      issuer,
      taskKeys,
      taskPublicKeys: [taskKeys.current, taskKeys.next].map((key) => rawPublicKey(createPublicKey(key))),
      server: await ensureServerLeaf({ ...request, name: 'server', names: Object.values(serverNames) }),
      web: web.isOperatorProvided ? web : { ...web, cert: web.cert + current.certPem },
    }
  }
  let loaded = await load()

  const change = async (edit: (manifest: Manifest) => Promise<Manifest>): Promise<void> => {
    await writeManifest(directory, await edit(loaded.manifest))
    loaded = await load()
  }

  return {
    get fleetCaPem() {
      return [loaded.current.certPem, loaded.next.certPem, ...loaded.retired].join('')
    },
    get pins() {
      return loaded.pins
    },
    get web() {
      return loaded.web
    },
    get agentTls(): SecureContextOptions {
      return {
        key: loaded.server.keyPem,
        cert: loaded.server.certPem + loaded.current.certPem,
        ca: [loaded.current.certPem, loaded.next.certPem, ...loaded.retired],
        minVersion: 'TLSv1.3',
      }
    },
    taskSigner: {
      get publicKeys() {
        return loaded.taskPublicKeys
      },
      sign: (payload) =>
        SignedOrder.fromPartial({
          payload: Buffer.from(payload),
          signature: sign(null, payload, loaded.taskKeys.current),
          keyId: loaded.manifest.taskSigner.current,
        }),
    },
    async issueAgentCertificate({ csr, agentId, machineName }) {
      if (!agentIdPattern.test(agentId)) throw new ApiError('InternalError', `The agent id of machine ${machineName} is not valid.`)
      const { issuer, current } = loaded
      const serial = newSerial()
      const validity = validityFrom(clock.now(), limits.agentCertificateMs)
      const leaf = await issueAgent(issuer, { agentId, publicKey: csr.publicKey, serial, validity })
      return { chainPem: leaf + current.certPem, serial, ...validity }
    },
    async refresh() {
      const before = servedText(loaded)
      loaded = await load()
      return { changed: servedText(loaded) !== before }
    },
    rotateCa: () =>
      change(async (manifest) => {
        const now = clock.now()
        const { rotatedAt } = manifest.ca
        // An agent that has not renewed since the last rotation trusts only the two CAs of then: a second one would lock it out.
        if (rotatedAt !== undefined && now.getTime() - Date.parse(rotatedAt) < limits.agentCertificateMs) {
          throw new OperatorError(
            'RotationTooSoon',
            `The fleet CA was rotated at ${rotatedAt}; machines learn the CA after the next only when they renew.`,
            `Wait until ${new Date(Date.parse(rotatedAt) + limits.agentCertificateMs).toISOString()}.`,
          )
        }
        const retired = manifest.ca.retired.filter((entry) => Date.parse(entry.trustedUntil) > now.getTime())
        const trustedUntil = new Date(now.getTime() + limits.agentCertificateMs).toISOString()
        return {
          ...manifest,
          ca: {
            current: manifest.ca.next,
            next: await writeCa(directory, now),
            retired: [...retired, { id: manifest.ca.current, trustedUntil }],
            rotatedAt: now.toISOString(),
          },
        }
      }),
    rotateTaskSigner: () =>
      change(async (manifest) => ({
        ...manifest,
        taskSigner: { current: manifest.taskSigner.next, next: await writeTaskKey(directory) },
      })),
  }
}

/** Everything that a TLS server of the hub presents or trusts. */
const servedText = ({ server, web, current, next, retired }: Loaded): string =>
  [server.certPem, web.cert, current.certPem, next.certPem, ...retired].join('')

async function firstManifest(directory: PkiDirectory, now: Date): Promise<Manifest> {
  return {
    version: 1,
    ca: { current: await writeCa(directory, now), next: await writeCa(directory, now), retired: [] },
    taskSigner: { current: await writeTaskKey(directory), next: await writeTaskKey(directory) },
    web: { key: await writeWebKey(directory), nextKey: await writeWebKey(directory) },
  }
}

async function loadWeb(
  directory: PkiDirectory,
  manifest: Manifest,
  webFiles: PkiOptions['webFiles'],
  ensureLeaf: (keyPem: string) => Promise<KeyAndCertificate>,
): Promise<WebIdentity> {
  if (webFiles !== undefined) {
    const own = await readOperatorLeaf(webFiles)
    return { key: own.keyPem, cert: own.certPem, pins: [pinOfKey(own.keyPem)], isOperatorProvided: true }
  }
  const key = await readWebKey(directory, manifest.web.key)
  const pins = [pinOfKey(key), pinOfKey(await readWebKey(directory, manifest.web.nextKey))]
  const leaf = await ensureLeaf(key)
  return { key, cert: leaf.certPem, pins, isOperatorProvided: false }
}
