// The agent's systemd unit.
import { agentMemory, asAssignments } from '#shared/contract/memory.ts'

/**
 * Hardened as far as the agent's job allows. What is left out, and why:
 *
 * - ProtectSystem, ProtectHome, PrivateTmp, PrivateDevices, ProtectKernelModules, ProtectKernelTunables, ProtectControlGroups,
 *   ProtectProc, ReadWritePaths: each gives the service a mount namespace of its own. Tasks mount filesystems, load modules and write
 *   sysctls for the machine; inside a namespace that would be done for the agent alone and look successful. Which files a task may
 *   write is decided by /etc/moorline/agent-policy.json instead.
 * - ProtectHostname, RestrictNamespaces, PrivateNetwork, PrivateUsers: tasks set the host name, and what they start makes containers.
 * - ProtectClock, DeviceAllow: both close the devices that disk checks read.
 * - MemoryDenyWriteExecute: V8 compiles at run time.
 * - CapabilityBoundingSet: installing a kubelet and a container runtime needs nearly every capability that root has.
 */
export function systemdUnit(binary: string): string {
  return `[Unit]
Description=Moorline agent
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${binary} run --state-dir /var/lib/moorline-agent
# glibc gives memory back instead of keeping an arena for each thread: a quarter of the agent's memory.
Environment=${asAssignments(agentMemory.environment)}
EnvironmentFile=-/etc/moorline/agent.env
StateDirectory=moorline-agent
StateDirectoryMode=0700
RuntimeDirectory=moorline-agent
RuntimeDirectoryMode=0700
WorkingDirectory=/var/lib/moorline-agent
UMask=0077
Restart=always
RestartSec=5
# Denied, not enrolled, or a configuration or policy that cannot be understood: waits for somebody.
RestartPreventExitStatus=78
# The agent ends its tasks itself; what is left after 15 s is killed.
KillMode=mixed
TimeoutStopSec=15
OOMScoreAdjust=-500
# Keys must not end up in a core file.
LimitCORE=0
LimitNOFILE=65536
KeyringMode=private
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET
SystemCallArchitectures=native
SystemCallFilter=~@obsolete @cpu-emulation
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`
}
