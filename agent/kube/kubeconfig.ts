// The current context of a kubeconfig file: address, trust and credentials. What would run a program or skip a check is refused.
import { dirname, resolve } from 'node:path'
import { parseKubeconfig } from '#shared/kubernetes/kubeconfig.ts'
import type { KubeAccess, ReadText } from './types.ts'

/** @throws Error that says what is wrong with which file */
export async function readKubeconfig(path: string, readText: ReadText): Promise<KubeAccess> {
  const content = await readText(path)
  if (content === undefined) throw new Error(`${path} does not exist`)
  const { cluster, user, userName } = parsed(path, content)
  if (cluster['insecure-skip-tls-verify']) throw new Error(`${path} skips the check of the API server's certificate; give its CA instead`)
  if (cluster['proxy-url']) throw new Error(`${path} needs a proxy; this agent connects directly`)
  if (user.exec !== undefined || user['auth-provider'] !== undefined)
    throw new Error(`${path} gets its credentials from a program; give a client certificate or a token instead`)
  if (user.username !== undefined) throw new Error(`${path} has a user name and a password, which no API server takes any more`)

  const load = async (data: string | undefined, file: string | undefined, what: string): Promise<string | undefined> => {
    if (data) return Buffer.from(data, 'base64').toString('utf8')
    if (!file) return undefined
    const loaded = await readText(resolve(dirname(path), file))
    if (loaded === undefined) throw new Error(`${path} names ${what} ${file}, which does not exist`)
    return loaded
  }
  const token = user.token ?? (await load(undefined, user.tokenFile, 'the token file'))?.trim()
  const cert = await load(user['client-certificate-data'], user['client-certificate'], 'the certificate')
  const key = await load(user['client-key-data'], user['client-key'], 'the key')
  if (!token && !(cert && key))
    throw new Error(`${path} has neither a client certificate with its key nor a token for ${JSON.stringify(userName)}`)
  const url = new URL(cluster.server)
  if (url.protocol !== 'https:') throw new Error(`${path} names ${url.protocol}//${url.host}; only https is spoken to an API server`)
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 443),
    basePath: url.pathname.replace(/\/+$/, ''),
    tls: {
      ca: await load(cluster['certificate-authority-data'], cluster['certificate-authority'], 'the CA'),
      ...{ cert, key, servername: cluster['tls-server-name'] },
    },
    authorization: token && `Bearer ${token}`,
  }
}

function parsed(path: string, content: string): ReturnType<typeof parseKubeconfig> {
  try {
    return parseKubeconfig(content)
  } catch (error) {
    throw new Error(`${path} ${(error as Error).message}`)
  }
}
