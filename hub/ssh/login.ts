// How the hub proves who it is: the key, or the password, which servers take directly or as the answer to their one question.
import ssh2, { type AuthHandlerMiddleware, type ConnectConfig, type ParsedKey } from 'ssh2'
import { SshFailure } from './failure.ts'

type LoginMethod = Exclude<Parameters<Parameters<AuthHandlerMiddleware>[2]>[0], string>

export interface SshSecrets {
  password?: string
  privateKey?: string
  passphrase?: string
}

/** @throws SshFailure KeyUnreadable, PassphraseWrong; nothing has been sent then */
export function loginOf(user: string, secrets: SshSecrets): Pick<ConnectConfig, 'username' | 'authHandler'> {
  const { password, privateKey, passphrase } = secrets
  const methods: LoginMethod[] = []
  if (privateKey !== undefined) methods.push({ type: 'publickey', username: user, key: parsedKey(privateKey, passphrase) })
  if (password !== undefined) {
    methods.push({ type: 'password', username: user, password })
    methods.push({
      type: 'keyboard-interactive',
      username: user,
      prompt(_name, _instructions, _language, prompts, finish) {
        // One hidden question is the password. Anything else is asked of a person.
        const [first] = prompts
        finish(prompts.length === 1 && first && first.echo !== true ? [password] : [])
      },
    })
  }
  let next = 0
  return {
    username: user,
    authHandler(methodsLeft: readonly string[] | null, _isPartial, proceed) {
      // The server says what it still takes after the first refusal; trying what it does not take counts against us.
      while (methodsLeft && next < methods.length && !methodsLeft.includes(methods[next]?.type ?? '')) next++
      // False, which the types forget, ends the login.
      proceed(methods[next++] ?? (false as never))
    },
  }
}

function parsedKey(privateKey: string, passphrase: string | undefined): ParsedKey {
  const parsed: ParsedKey | ParsedKey[] | Error = ssh2.utils.parseKey(privateKey, passphrase)
  const key = Array.isArray(parsed) ? parsed[0] : parsed
  if (key instanceof Error || key === undefined) throw explain(key, passphrase)
  if (!key.isPrivateKey()) throw new SshFailure('KeyUnreadable', 'the Credential has a public key where the private one belongs')
  return key
}

function explain(error: Error | undefined, passphrase: string | undefined): SshFailure {
  const text = error?.message ?? ''
  if (/passphrase/i.test(text) && passphrase === undefined)
    return new SshFailure('PassphraseWrong', 'the private key is encrypted and the Credential has no passphrase', error)
  if (/passphrase|integrity|decrypt/i.test(text))
    return new SshFailure('PassphraseWrong', 'the passphrase of the Credential does not open its private key', error)
  return new SshFailure('KeyUnreadable', 'the private key of the Credential is in no form that is understood: OpenSSH or PEM', error)
}
