// `moorline-agent preflight`: the checks with no hub at all.
import type { Command } from '#agent/cli/types.ts'
import { createHost } from '#agent/host/create.ts'
import { preflightCommand } from '#agent/preflight/command.ts'

export const command: Command = ({ argv, env, clock, random, signal, stdout, stderr }) =>
  preflightCommand({
    argv,
    host: createHost({ clock, environment: env }),
    ...{ clock, random, signal, stdout, stderr },
    isTty: stdout.isTTY === true,
  })
