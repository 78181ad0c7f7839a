// npm run terminal -- MACHINE [-t] [--kubeconfig FILE] [-- COMMAND…]: a shell on a machine through the hub, or one program, as `kubectl exec`
// is for pods. Ends with the exit code of what ran.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { WebSocket } from 'ws'
import { parse } from 'yaml'
import { repositoryRoot } from './root.ts'

const usage = 'Usage: npm run terminal -- MACHINE [-t] [--kubeconfig FILE] [-- COMMAND…]'
const protocol = 'v5.channel.k8s.io'
const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const
/** More of a pipe than this is not read ahead. */
const aheadBytes = 1024 * 1024

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data'?: string } }[]
  users: { user: { token: string } }[]
}

interface ExecStatus {
  status?: string
  message?: string
  details?: { causes?: { reason?: string; message?: string }[] }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kubeconfig: { type: 'string', default: join(repositoryRoot, '.moorline/admin.kubeconfig') },
    tty: { type: 'boolean', short: 't', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const [machine, ...command] = positionals
if (values.help || machine === undefined) {
  console.error(usage)
  process.exit(values.help ? 0 : 2)
}
process.exit(await run(machine))

async function run(name: string): Promise<number> {
  const config = parse(await readFile(values.kubeconfig, 'utf8')) as Kubeconfig
  const { server = '', 'certificate-authority-data': authority } = config.clusters[0]?.cluster ?? {}
  const isTty = (values.tty || command.length === 0) && process.stdin.isTTY && process.stdout.isTTY
  const url = new URL(`/apis/moorline.dev/v1alpha1/machines/${encodeURIComponent(name)}/exec`, server)
  url.protocol = 'wss:'
  for (const part of command) url.searchParams.append('command', part)
  for (const stream of ['stdin', 'stdout', isTty ? 'tty' : 'stderr']) url.searchParams.set(stream, 'true')
  if (isTty) url.searchParams.set('term', process.env.TERM ?? 'xterm')
  const socket = new WebSocket(url, [protocol], {
    ...(authority && { ca: Buffer.from(authority, 'base64') }),
    headers: { authorization: `Bearer ${config.users[0]?.user.token ?? ''}` },
    perMessageDeflate: false,
  })
  return talk(socket, isTty)
}

function talk(socket: WebSocket, isTty: boolean): Promise<number> {
  const { stdin, stdout, stderr } = process
  let end: ExecStatus | undefined
  let failure: string | undefined
  const put = (channel: number, data: Uint8Array) => socket.send(Buffer.concat([Buffer.from([channel]), data]))
  const resize = () => put(channels.resize, Buffer.from(JSON.stringify({ Width: stdout.columns, Height: stdout.rows })))

  socket.on('open', () => {
    if (isTty) {
      stdin.setRawMode(true)
      stdout.on('resize', resize)
      resize()
    }
    stdin.on('data', (data: Buffer) => {
      put(channels.stdin, data)
      if (socket.bufferedAmount < aheadBytes) return
      stdin.pause()
      const look = setInterval(() => {
        if (socket.bufferedAmount >= aheadBytes) return
        clearInterval(look)
        stdin.resume()
      }, 10)
    })
    stdin.on('end', () => put(channels.close, Buffer.from([channels.stdin])))
  })
  socket.on('message', (message: Buffer) => {
    const data = message.subarray(1)
    if (message[0] === channels.error) {
      end = JSON.parse(data.toString()) as ExecStatus
      return
    }
    const out = message[0] === channels.stderr ? stderr : stdout
    if (out.write(data)) return
    socket.pause()
    out.once('drain', () => socket.resume())
  })
  socket.on('unexpected-response', (_request, response) => {
    let body = ''
    response.on('data', (chunk) => (body += String(chunk)))
    response.on('end', () => {
      failure = messageOf(body) ?? `the hub answered ${response.statusCode}`
      socket.terminate()
    })
  })
  socket.on('error', (error) => (failure ??= error.message))
  return new Promise((resolve) =>
    socket.on('close', () => {
      if (isTty && stdin.isTTY) stdin.setRawMode(false)
      const code = end?.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message
      if (end?.status === 'Success') return resolve(0)
      if (code !== undefined) return resolve(Number(code))
      console.error(end?.message ?? failure ?? 'the connection was lost; what ran on the machine was ended')
      resolve(255)
    }),
  )
}

function messageOf(body: string): string | undefined {
  try {
    return (JSON.parse(body) as ExecStatus).message
  } catch {
    // A page of something in between: the status code says more.
    return undefined
  }
}
