import { type Check, fail, pass, unknown } from '../types.ts'

/** A node of 110 pods has thousands of threads under one unit when the runtime's cgroup is not delegated. */
const leastTasks = 4_096

export const defaultTasksMax: Check = {
  id: 'SystemdDefaultTasksMax',
  group: 'host',
  severity: 'warning',
  expected: `systemd’s DefaultTasksMax is at least ${leastTasks}, or infinity`,
  source: 'systemd-system.conf(5); old releases have 512',
  async run({ host, machine }) {
    if (!(await machine.isSystemd())) return unknown('systemd does not run here', 'Use a machine that systemd has booted.')
    const { stdout, exitCode } = await host.run('systemctl', ['show', '--property=DefaultTasksMax', '--value'], { timeoutMs: 5_000 })
    const value = stdout.trim()
    if (exitCode !== 0 || value === '') return unknown('systemctl gives no answer', 'Run `systemctl show --property=DefaultTasksMax`.')
    // systemd shows infinity as that word or as the largest 64-bit number.
    return value === 'infinity' || Number(value) >= leastTasks
      ? pass(value)
      : fail(value, 'Set DefaultTasksMax=15% in /etc/systemd/system.conf and `systemctl daemon-reexec`.')
  },
}
