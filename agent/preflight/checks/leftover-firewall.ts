import { type Check, fail, pass, unknown } from '../types.ts'

const chain = /^:(KUBE-|CNI-|cali-|FLANNEL)/
const clean = (restore: string) => `iptables-save | grep -Ev 'KUBE-|CNI-|cali-|FLANNEL' | ${restore}`

export const leftoverFirewall: Check = {
  id: 'Leftover-iptables',
  group: 'leftovers',
  severity: 'warning',
  expected: 'no chains of kube-proxy or a network plugin',
  source: 'kubeadm reset leaves iptables rules behind and says so',
  async run({ host }) {
    const chains: string[] = []
    let asked = 0
    for (const program of ['iptables-save', 'ip6tables-save', 'iptables-legacy-save']) {
      const { stdout, exitCode } = await host.run(program, [], { timeoutMs: 5_000, maxOutputBytes: 4 * 1024 * 1024 })
      if (exitCode !== 0) continue
      asked++
      chains.push(
        ...stdout
          .split('\n')
          .filter((line) => chain.test(line))
          .map((line) => line.slice(1).split(' ')[0] ?? ''),
      )
    }
    const tables = await host.run('nft', ['list', 'tables'], { timeoutMs: 5_000 })
    if (tables.exitCode === 0) {
      asked++
      for (const [, table] of tables.stdout.matchAll(/^table \w+ (kube-proxy|calico|cni\S*)$/gm)) chains.push(`nft table ${table}`)
    }
    if (chains.length > 0)
      return fail(
        `${chains.length} chains: ${[...new Set(chains)].slice(0, 5).join(', ')}`,
        `\`${clean('iptables-restore')}\` and the same with ip6tables; or reboot, they are not kept.`,
      )
    // Without any of the programs rules may still be in the kernel.
    if (asked > 0) return pass('none')
    const names = await host.readText('/proc/net/ip_tables_names')
    return names === ''
      ? pass('no table is loaded')
      : unknown('neither iptables-save nor nft can be run', 'Install iptables or nftables, and look yourself.')
  },
}
