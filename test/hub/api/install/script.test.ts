import { spawnSync } from 'node:child_process'
import test from 'ava'
import { installCommand } from '#hub/api/install/command.ts'
import type { InstallFacts } from '#hub/api/install/facts.ts'
import { hubAddress } from '#hub/api/install/facts.ts'
import { type AgentArtifact, installScript } from '#hub/api/install/script.ts'
import { systemdUnit } from '#hub/api/install/unit.ts'

const pin = (byte: number) => Buffer.alloc(32, byte).toString('base64')
const facts: InstallFacts = {
  publicUrl: 'https://hub.example.org:8443',
  web: { cert: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----', pins: [pin(1), pin(2)], isOperatorProvided: true },
  fleetPins: [pin(3), pin(4)],
  fleetCaPem: '',
  version: '0.1.0',
}
const agents: AgentArtifact[] = [{ name: 'moorline-agent-linux-x64', sha256: 'a'.repeat(64), isCompressed: false }]
const token = 'token-0123456789abcdef'

const hostile = [
  '$(id)',
  '`id`',
  "'; id; '",
  "'",
  '"; id; "',
  '\n id \n',
  '\r\nid',
  '; id',
  '| id',
  '&& id',
  '${PATH}',
  '\\',
  ' ',
  '\u0000',
  '../../etc/passwd',
]

const places: Record<string, (value: string) => unknown> = {
  'the whole URL': (value) => installScript({ ...facts, publicUrl: value }, agents),
  'the host of the URL': (value) => installScript({ ...facts, publicUrl: `https://hub${value}.example.org` }, agents),
  'the path of the URL': (value) => installScript({ ...facts, publicUrl: `https://hub.example.org/${value}` }, agents),
  'a pin of the web key': (value) => installScript({ ...facts, web: { ...facts.web, pins: [pin(1) + value] } }, agents),
  'a pin of the fleet CA': (value) => installScript({ ...facts, fleetPins: [value] }, agents),
  'the version': (value) => installScript({ ...facts, version: `1${value}` }, agents),
  'the digest': (value) => installScript(facts, [{ ...agents[0], sha256: value } as AgentArtifact]),
  'the artifact': (value) => installScript(facts, [{ ...agents[0], name: `moorline-agent-linux-${value}` } as AgentArtifact]),
  'the token of the command': (value) => installCommand(facts, `${token}${value}`),
  'the URL of the command': (value) => installCommand({ ...facts, publicUrl: `https://hub${value}` }, token),
  'a pin of the command': (value) => installCommand({ ...facts, fleetPins: [value] }, token),
  'a web pin of the command': (value) => installCommand({ ...facts, web: { ...facts.web, pins: [value] } }, token),
}

for (const [place, make] of Object.entries(places)) {
  test(`F-40: no hostile value gets into a script as ${place}`, (t) => {
    for (const value of hostile) {
      const error = t.throws(() => make(value), undefined, `${place}: ${JSON.stringify(value)}`)
      t.notRegex(error.message, /id|PATH/, 'the value itself is not repeated')
    }
  })
}

test('F-40: a value cannot be an option', (t) => {
  for (const place of ['the whole URL', 'a pin of the fleet CA', 'the digest', 'a web pin of the command'])
    t.throws(() => places[place]?.('--insecure'))
})

test('whatever certificate an operator brings, it arrives as base64', (t) => {
  const script = installScript({ ...facts, web: { ...facts.web, cert: "$(id)'\n`id`" } }, agents)
  t.notRegex(script.slice(0, script.indexOf('choose_artifact')), /\$\(id\)/)
})

for (const shell of ['dash', 'bash']) {
  test(`script and command are correct ${shell}`, (t) => {
    for (const text of [installScript(facts, agents), installCommand(facts, token)]) {
      const { status, stderr } = spawnSync(shell, ['-n'], { input: text })
      t.is(status, 0, String(stderr))
    }
  })
}

test('the command is one line, pins before it trusts, and puts the token in no argument', (t) => {
  const command = installCommand(facts, token)
  t.notRegex(command, /\n/)
  t.regex(command, new RegExp(`--pinnedpubkey 'sha256//${pin(1).replaceAll('+', '\\+')};sha256//`))
  t.notRegex(command, /insecure|-k |--no-check/)
  t.is(command.split(token).length, 2, 'the token is there once')
  t.regex(command, new RegExp(`printf '%s\\\\n' '${token}' >`))
  t.deepEqual(
    [...command.matchAll(/--pin '([^']+)'/g)].map((match) => match[1]),
    [pin(3), pin(4)],
  )
  t.true(command.length < 8192)
})

test('nothing in the script skips a check of the server', (t) => {
  const script = installScript(facts, agents)
  t.notRegex(script, /--insecure|--no-check-certificate|curl[^\n]* -[a-zA-Z]*k/)
  t.is(script.match(/\bcurl --config/g)?.length, 1, 'there is one way to download')
})

test('the address for the agent has the port, also when it is the default one', (t) => {
  t.is(hubAddress('https://hub.example.org'), 'hub.example.org:443')
  t.is(hubAddress('https://[2001:db8::1]:8443'), '[2001:db8::1]:8443')
})

test('the unit holds no secret and runs the binary that the script installs', (t) => {
  const unit = systemdUnit('/usr/local/bin/moorline-agent')
  t.regex(unit, /^ExecStart=\/usr\/local\/bin\/moorline-agent run /m)
  t.regex(unit, /^EnvironmentFile=-\/etc\/moorline\/agent\.env$/m)
  t.regex(unit, /^NoNewPrivileges=yes$/m)
  t.notRegex(unit, /^(ProtectSystem|PrivateTmp|ProtectHome)=/m, 'a mount namespace would hide the mounts of tasks from the machine')
})
