import test from 'ava'
import { startTerminalSite } from './site.ts'

test('a program without a terminal: both outputs apart, its exit code at the end', async (t) => {
  const site = await startTerminalSite(t)
  const client = await site.exec({ command: ['sh', '-c', 'echo out; echo err >&2; cat; exit 3'] })
  client.send('typed')
  client.message(255, Buffer.from([0]))
  const { code, status } = await client.ended
  t.is(code, 1000)
  t.is(client.output(1), 'out\ntyped')
  t.is(client.output(2), 'err\n')
  t.like(status, { status: 'Failure', reason: 'NonZeroExitCode', details: { causes: [{ reason: 'ExitCode', message: '3' }] } })
})

test('a shell in a terminal: it echoes, knows its size, and takes another one', async (t) => {
  const site = await startTerminalSite(t)
  const client = await site.exec({ tty: true, query: { columns: '101', rows: '33' } })
  client.send('stty size; tty; echo $TERM\n')
  const first = await client.has(/\n33 101\r\n\/dev\/pts\/\d+\r\nxterm-256color\r\n/)
  t.true(first.includes('stty size'))
  client.message(4, JSON.stringify({ Width: 77, Height: 22 }))
  client.send('stty size\n')
  await client.has('\n22 77\r\n')
  client.send('exit 0\n')
  const { status } = await client.ended
  t.is(status?.status, 'Success')
})
