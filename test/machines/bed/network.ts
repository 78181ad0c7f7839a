// The bed's networks. `fabric` is the site behind the firewall: its switch (br0), and the router with the firewall's rules. `hub` is the
// world outside. Nothing is configured in the machine's own namespace.
//
//   machines 10.77.0.11… ── br0 10.77.0.1 [fabric: firewall, NAT] 10.79.0.1 ── 10.79.0.2 hub
import { existsSync } from 'node:fs'
import { type Bed, namespaceOf } from './bed.ts'
import { run, runIn } from './shell.ts'

export const fabricAddress = '10.77.0.1'
export const hubAddress = '10.79.0.2'
export const hubPort = 8443
export const registryAddress = `${fabricAddress}:5000`
export const proxyPorts = { socks5: 1080, connect: 3128 } as const

/** What leads out of the site. `cut`: nothing passes any more, not even what was established. */
export type Exit = 'hub-port' | 'proxy-only' | 'cut'

export interface Firewall {
  exit: Exit
  /** Ports of machines that the world outside may dial; for Imported clusters and SSH. */
  open: readonly number[]
}

export const firewalled: Firewall = { exit: 'hub-port', open: [] }

export async function createNetworks(bed: Bed): Promise<void> {
  await createNamespace(bed, 'fabric')
  await createNamespace(bed, 'hub')
  const fabric = namespaceOf(bed, 'fabric')
  const ip = (part: string, ...args: string[]) => run('ip', '-n', namespaceOf(bed, part), ...args)
  await ip('fabric', 'link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0')
  await ip('fabric', 'addr', 'add', `${fabricAddress}/24`, 'dev', 'br0')
  await ip('fabric', 'link', 'set', 'br0', 'up')
  await ip('hub', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'out', 'netns', fabric)
  await ip('fabric', 'addr', 'add', '10.79.0.1/24', 'dev', 'out')
  await ip('fabric', 'link', 'set', 'out', 'up')
  await ip('hub', 'addr', 'add', `${hubAddress}/24`, 'dev', 'eth0')
  await ip('hub', 'link', 'set', 'eth0', 'up')
  await ip('hub', 'route', 'add', 'default', 'via', '10.79.0.1')
  // Frames between machines are the switch's business, not the firewall's.
  await runIn(bed, 'fabric', ['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.bridge.bridge-nf-call-iptables=0'])
  await setFirewall(bed, firewalled)
}

export async function createNamespace(bed: Bed, part: string): Promise<void> {
  await run('ip', 'netns', 'add', namespaceOf(bed, part))
  await run('ip', '-n', namespaceOf(bed, part), 'link', 'set', 'lo', 'up')
}

export async function deleteNamespace(bed: Bed, part: string): Promise<void> {
  if (existsSync(`/run/netns/${namespaceOf(bed, part)}`)) await run('ip', 'netns', 'del', namespaceOf(bed, part))
}

/** By its path: a package in node_modules brings another program of this name, which would be found first, and says nothing. */
const nft = '/usr/sbin/nft'

/** All rules are replaced in one transaction. */
export async function setFirewall(bed: Bed, firewall: Firewall): Promise<void> {
  await runIn(bed, 'fabric', [nft, '-f', '-'], { stdin: rulesOf(firewall) })
}

export function rulesOf({ exit, open }: Firewall): string {
  const proxies = Object.values(proxyPorts).join(', ')
  const isCut = exit === 'cut'
  const forward = isCut
    ? []
    : [
        'ct state established,related accept',
        ...(exit === 'hub-port' ? [`iifname br0 oifname out ip daddr ${hubAddress} tcp dport ${hubPort} accept`] : []),
        ...(open.length > 0 ? [`iifname out oifname br0 tcp dport { ${open.join(', ')} } accept`] : []),
      ]
  const input = [
    'iifname lo accept',
    ...(isCut ? [`iifname out drop`, `tcp dport { ${proxies} } drop`] : []),
    'ct state established,related accept',
    `iifname br0 tcp dport 5000 accept`,
    ...(exit === 'proxy-only' ? [`iifname br0 tcp dport { ${proxies} } accept`] : []),
  ]
  const chain = (name: string, hook: string, rules: readonly string[]) =>
    `  chain ${name} {\n    type ${hook}\n${rules.map((rule) => `    ${rule}\n`).join('')}  }\n`
  return [
    'table inet site\ndelete table inet site\ntable inet site {\n',
    chain('forward', 'filter hook forward priority 0; policy drop;', forward),
    chain('input', 'filter hook input priority 0; policy drop;', input),
    // As behind any firewall: outside one address is seen, not the machines'.
    chain('nat', 'nat hook postrouting priority 100;', ['oifname out masquerade']),
    '}\n',
  ].join('')
}
