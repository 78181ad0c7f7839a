import test from 'ava'
import { accountIn, findAccount } from '#agent/terminal/account.ts'
import { planLaunch } from '#agent/terminal/launch.ts'
import { TerminalError } from '#shared/errors/terminal-reason.ts'

const root = { name: 'root', uid: 0, gid: 0, home: '/root', shell: '/bin/bash' }
const ada = { name: 'ada', uid: 1000, gid: 1001, home: '/home/ada', shell: '/bin/zsh' }
const open = { command: [], tty: true, term: 'xterm-256color' }
const setpriv = '/usr/bin/setpriv'

test('the login shell of the user, in a new environment', (t) => {
  const { program, args, environment } = planLaunch({ policy: { user: 'root' }, account: root, open, uid: 0 })
  t.is(program, '/bin/sh')
  t.deepEqual(args.slice(-3), ['sh', '/bin/bash', '-l'])
  t.deepEqual(environment, {
    ...{ HOME: '/root', USER: 'root', LOGNAME: 'root', SHELL: '/bin/bash', LANG: 'C.UTF-8', TERM: 'xterm-256color' },
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  })
})

test('another user gets his own groups and none of the agent’s; words of a command are arguments, never a script', (t) => {
  const command = ['echo', '$(id)', "'; reboot"]
  const { program, args } = planLaunch({ policy: { user: 'ada' }, account: ada, open: { ...open, command, tty: false }, uid: 0, setpriv })
  t.is(program, setpriv)
  t.deepEqual(args.slice(0, 4), ['--reuid=1000', '--regid=1001', '--init-groups', '--'])
  t.deepEqual(args.slice(-4), ['sh', ...command])
})

test('an agent that cannot become the user says so', (t) => {
  const reason = (run: () => unknown) => t.throws<TerminalError>(run, { instanceOf: TerminalError })?.reason
  t.is(
    reason(() => planLaunch({ policy: { user: 'ada' }, account: ada, open, uid: 1001, setpriv })),
    'UserUnknown',
  )
  t.is(
    reason(() => planLaunch({ policy: { user: 'ada' }, account: ada, open, uid: 0 })),
    'UserUnknown',
  )
  t.notThrows(() => planLaunch({ policy: { user: 'ada' }, account: ada, open, uid: 1000 }))
})

test('a policy with a list of programs allows these as they are named, and no shell', (t) => {
  const policy = { user: 'root', commands: ['/usr/bin/uptime', 'ls'] }
  const plan = (command: string[]) => planLaunch({ policy, account: root, open: { ...open, command }, uid: 0 })
  t.notThrows(() => plan(['ls', '/']))
  for (const command of [[], ['/bin/ls'], ['LS'], ['sh', '-c', 'ls']])
    t.is(t.throws<TerminalError>(() => plan(command), { instanceOf: TerminalError })?.reason, 'CommandNotAllowed')
})

test('accounts are read from passwd(5), and asked for where the file does not have them', async (t) => {
  const passwd = 'root:x:0:0:root:/root:/bin/bash\nbroken:x:x:0::/:\nbare:x:7:8::relative:\n'
  t.deepEqual(accountIn(passwd, 'root'), root)
  t.is(accountIn(passwd, 'broken'), undefined)
  t.deepEqual(accountIn(passwd, 'bare'), { name: 'bare', uid: 7, gid: 8, home: '/', shell: '/bin/sh' })
  const asked: string[][] = []
  const host = {
    readText: () => Promise.resolve(passwd),
    run(program: string, args: readonly string[]) {
      asked.push([program, ...args])
      const stdout = args[1] === 'ada' ? 'ada:x:1000:1001::/home/ada:/bin/zsh\n' : ''
      return Promise.resolve({ exitCode: stdout ? 0 : 2, signal: null, stdout, stderr: '', isTimedOut: false, isMissing: false })
    },
  }
  t.deepEqual(await findAccount('ada', host), ada)
  t.is(await findAccount('nobody-here', host), undefined)
  t.is((await findAccount('root', host))?.uid, 0)
  t.deepEqual(asked, [
    ['getent', 'passwd', 'ada'],
    ['getent', 'passwd', 'nobody-here'],
  ])
})
