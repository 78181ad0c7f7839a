// moorline-hub login-link: a new one-time link to the dashboard, asked of the running hub with the admin kubeconfig.
import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import Type from 'typebox'
import Value from 'typebox/value'
import { parse } from 'yaml'
import { OperatorError } from '#shared/errors/api-error.ts'
import type { HubConfig } from '#hub/config/config.ts'

const Kubeconfig = Type.Object({
  clusters: Type.Array(
    Type.Object({ cluster: Type.Object({ server: Type.String(), 'certificate-authority-data': Type.Optional(Type.String()) }) }),
    { minItems: 1 },
  ),
  users: Type.Array(Type.Object({ user: Type.Object({ token: Type.String() }) }), { minItems: 1 }),
})
const Answer = Type.Object({ path: Type.String() })
const answerLimitBytes = 64 * 1024

export async function loginLinkCommand(config: HubConfig): Promise<number> {
  const path = join(config.dataDir, 'admin.kubeconfig')
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new OperatorError(
      'NoAdminKubeconfig',
      `${path} cannot be read`,
      'Start the hub once, and run this as the same user with the same --data.',
      error,
    )
  })
  const kubeconfig: unknown = parse(text)
  if (!Value.Check(Kubeconfig, kubeconfig))
    throw new OperatorError(
      'NoAdminKubeconfig',
      `${path} is not the hub's kubeconfig`,
      'Remove it and restart the hub, which writes a new one.',
    )
  const cluster = kubeconfig.clusters[0]?.cluster
  const ca = cluster?.['certificate-authority-data']
  const answer = await post(
    `${cluster?.server}/auth/login-links`,
    kubeconfig.users[0]?.user.token ?? '',
    ca ? Buffer.from(ca, 'base64') : undefined,
  )
  if (!Value.Check(Answer, answer))
    throw new OperatorError('LoginLinkRefused', `the hub answered ${JSON.stringify(answer).slice(0, 300)}`, 'See the log of the hub.')
  process.stdout.write(`${new URL(answer.path, cluster?.server).href}\n`)
  return 0
}

function post(url: string, token: string, ca: Buffer | undefined): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) =>
      reject(
        new OperatorError(
          'HubUnreachable',
          `${url} does not answer: ${error instanceof Error ? error.message : String(error)}`,
          'Start the hub, or give its --data.',
          error,
        ),
      )
    const call = request(
      url,
      { method: 'POST', ca, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, timeout: 10_000 },
      (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          body += chunk
          if (body.length > answerLimitBytes) response.destroy(new Error('the answer is too long'))
        })
        response.on('error', fail)
        response.on('end', () => {
          try {
            resolve(JSON.parse(body))
          } catch (error) {
            fail(error)
          }
        })
      },
    )
    call.on('timeout', () => call.destroy(new Error('no answer within 10 s')))
    call.on('error', fail)
    call.end('{}')
  })
}
