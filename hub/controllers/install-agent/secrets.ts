// The Credential of a Machine's spec.ssh, opened for one installation; and what must not appear in its log.
import type { Machine } from '#shared/contract/machine.ts'
import { messageOf } from '#shared/errors/agent-error.ts'
import type { Credentials } from '#hub/credentials/types.ts'
import type { Proxy } from '#shared/net/proxy-url.ts'
import { proxyOf } from '#hub/dial/proxy.ts'
import { TaskFailure } from '#hub/controllers/task/performed/types.ts'
import type { SshSecrets } from '#hub/ssh/login.ts'

export interface InstallSecrets {
  login: SshSecrets
  /** What sudo asks for, when it asks. */
  sudoPassword?: string
}

/** @throws TaskFailure CredentialUnusable */
export function openSecrets(machine: Machine, credentials: Credentials): InstallSecrets {
  const { ssh, clusterRef } = machine.spec
  try {
    const { type, data } = credentials.open(ssh?.credentialRef ?? '', {
      types: ['Password', 'SSHKey'],
      ...(clusterRef && { cluster: clusterRef }),
    })
    if (type === 'Password') return { login: { password: data.password }, sudoPassword: data.password }
    const { privateKey, passphrase, sudoPassword } = data
    return { login: { privateKey, ...(passphrase && { passphrase }) }, ...(sudoPassword && { sudoPassword }) }
  } catch (error) {
    throw new TaskFailure('CredentialUnusable', messageOf(error), error)
  }
}

/**
 * What the agent is to dial the hub through, as its configuration takes it.
 * @throws TaskFailure CredentialUnusable
 */
export function openAgentProxy(machine: Machine, credentials: Credentials): { url: string; secrets: string[] } | undefined {
  const { ssh, clusterRef } = machine.spec
  if (!ssh?.agentProxy) return undefined
  const { url, credentialRef } = ssh.agentProxy
  const fail = (why: string, cause?: unknown): never => {
    throw new TaskFailure('CredentialUnusable', `the proxy of the agent: ${why}`, cause)
  }
  if (credentialRef === undefined) return { url, secrets: [] }
  let proxy: Proxy | undefined
  try {
    proxy = proxyOf(ssh.agentProxy, credentials, clusterRef)
  } catch (error) {
    return fail(messageOf(error), error)
  }
  const { username = '', password = '' } = proxy ?? {}
  if (username === '') return fail(`the Credential ${credentialRef} has no username, which a proxy asks for`)
  const [user, secret] = [encoded(username), encoded(password)]
  return { url: url.replace('://', `://${user}:${secret}@`), secrets: [password, secret] }
}

/** Percent-encoded but for what install.sh takes. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)

/** Replaces secrets in what a machine prints, which may echo what it was given. One that is too short would replace everything. */
export function createRedactor(): { add(secret: string | undefined): void; redact(text: string): string } {
  const secrets = new Set<string>()
  return {
    add(secret) {
      if (secret !== undefined && secret.length >= 3) secrets.add(secret)
    },
    redact(text) {
      let safe = text
      for (const secret of secrets) safe = safe.replaceAll(secret, '***')
      return safe
    },
  }
}
