// F-41: a terminal that is flooded holds little and still obeys; a page of somebody else gets none; hostile clients get no further.
import { readFile } from 'node:fs/promises'
import test from 'ava'
import { membersOf } from '#agent/host/process-session.ts'
import { type ExecClient, ExecRefused, openExec } from '#test/helpers/exec-client.ts'
import { until } from '#test/helpers/until.ts'
import { startTerminalSite, type TerminalSite } from '#test/peers/terminal/site.ts'

const mebibyte = 1024 * 1024
const answerMs = 300
/** Of both sides and the client in one process, beside noise of the garbage collector. */
const sessionBytes = 4 * mebibyte

/** Reads at about a mebibyte a second, as a thin line does. */
function readSlowly(client: ExecClient): () => void {
  const bytesPerTurn = mebibyte / 50
  let budget = bytesPerTurn
  client.socket.on('message', (data: Buffer) => {
    budget -= data.length
    if (budget < 0) client.socket.pause()
  })
  const timer = setInterval(() => {
    budget = Math.min(bytesPerTurn, budget + bytesPerTurn)
    if (budget > 0) client.socket.resume()
  }, 20)
  return () => {
    clearInterval(timer)
    client.socket.resume()
  }
}

async function shell(site: TerminalSite, more: { protocol?: string } = {}): Promise<ExecClient> {
  const client = await site.exec({ tty: true, ...more })
  client.send(`PS1='ready''> '\n`)
  await client.has('ready> ')
  return client
}

for (const isSlow of [false, true])
  test.serial(`F-41: Ctrl-C ends a flood within ${answerMs} ms, with a reader that is ${isSlow ? 'slow' : 'fast'}`, async (t) => {
    const site = await startTerminalSite(t)
    const client = await shell(site)
    const stop = isSlow ? readSlowly(client) : () => undefined
    t.teardown(stop)
    const took: number[] = []
    for (let round = 0; round < 5; round++) {
      const before = client.count()
      client.send('yes\n')
      await until('a mebibyte of it', () => client.count() > before + mebibyte)
      client.forget()
      const prompt = new Promise<void>((resolve) => {
        const look = (data: Buffer) => {
          if (!data.includes('ready> ')) return
          client.socket.off('message', look)
          resolve()
        }
        client.socket.on('message', look)
      })
      const startedMs = performance.now()
      client.send('\u0003')
      await prompt
      took.push(performance.now() - startedMs)
    }
    t.log(`${took.map((ms) => Math.round(ms)).join(', ')} ms`)
    t.true((took.toSorted((a, b) => a - b)[2] ?? Infinity) <= answerMs, String(took))
  })

test.serial('F-41: a flood that nobody reads is held back on the machine, and little of it anywhere else', async (t) => {
  const site = await startTerminalSite(t)
  const client = await shell(site)
  const yes = await flood(client)
  client.socket.pause()
  const held = () => process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed
  global.gc?.()
  const before = held()
  // It stands still when every window is full: it runs no more.
  await unchanged(() => cpuOf(yes))
  global.gc?.()
  t.log(`${Math.round((held() - before) / 1024)} KiB`)
  t.true(held() - before < sessionBytes, `${held() - before} bytes`)
  t.true(site.fleet.tunnels.stats().unreadBytes <= 256 * 1024)
  client.socket.resume()
  client.send('\u0003')
  t.truthy(await client.has(/ready> $/))
})

/** Starts `yes` and returns its pid. */
async function flood(client: ExecClient): Promise<number> {
  client.send('echo pid=$$; yes\n')
  const [, leader] = /pid=(\d+)\r/.exec(await client.has(/pid=\d+\r/)) ?? []
  return until('the flood', async () => {
    for (const member of await membersOf(Number(leader)))
      if ((await readFile(`/proc/${member}/comm`, 'utf8').catch(() => '')) === 'yes\n') return member
    return undefined
  })
}

const cpuOf = async (pid: number): Promise<string> => (await readFile(`/proc/${pid}/stat`, 'utf8')).split(' ').slice(13, 15).join(' ')

async function unchanged(read: () => Promise<string>): Promise<void> {
  let last = ''
  let sinceMs = performance.now()
  await until('a second without change', async () => {
    const now = await read()
    if (now !== last) sinceMs = performance.now()
    last = now
    return performance.now() - sinceMs > 1_000
  })
}

test.serial('F-41: a WebSocket from a page of somebody else is refused, one of this hub is not', async (t) => {
  const site = await startTerminalSite(t)
  const { cookie } = await site.auth.createSession({ name: 'root', groups: [] })
  const open = (headers: Record<string, string>) =>
    openExec({
      url: `https://${site.host}`,
      ca: site.ca,
      machine: 'one',
      tty: true,
      protocol: 'v1.terminal.moorline.dev',
      headers: { cookie: `__Host-moorline=${cookie}`, ...headers },
    })
  for (const origin of ['https://evil.example', `https://${site.host}.evil.example`, 'null', ''])
    t.is((await t.throwsAsync<ExecRefused>(open({ origin }), { instanceOf: ExecRefused })).status, 403, origin)
  t.is((await t.throwsAsync<ExecRefused>(open({}), { instanceOf: ExecRefused })).status, 403)
  t.is(site.terminal.sessions(), 0)
  const own = await open({ origin: `https://${site.host}` })
  own.socket.terminate()
})

test.serial('F-41: ten thousand sizes, lines of a megabyte and every byte there is change nothing about the session', async (t) => {
  const site = await startTerminalSite(t)
  const client = await shell(site)
  for (let count = 0; count < 10_000; count++) client.message(4, JSON.stringify({ Width: 1 + (count % 500), Height: 1 + (count % 200) }))
  client.message(4, JSON.stringify({ Width: 93, Height: 41 }))
  client.send('stty size\n')
  await client.has('41 93\r\n')
  client.send(`head -c ${mebibyte} /dev/zero | tr '\\0' x; echo\n`)
  await until('a line of a megabyte', () => client.count() > mebibyte, { timeoutMs: 30_000 })
  client.send(`stty raw -echo; head -c 256 | od -An -v -tu1 | tr -d '\\n'; stty sane\n`)
  await until('the terminal to be raw', () => client.output().includes('stty sane'))
  client.send(Buffer.from(Array.from({ length: 256 }, (_, index) => index)))
  await client.has(/ 253 254 255/)
  client.send('\u0015echo still $((40+2))\n')
  t.truthy(await client.has('still 42'))
})
