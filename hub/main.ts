// Composition root of the hub: reads the configuration, builds the parts in order, wires them, and takes them down in reverse.
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { OperatorError } from '#shared/errors/api-error.ts'
import { hubHelp, loadHubConfig } from './config/config.ts'

const commands = ['run', 'backup', 'restore', 'login-link', 'rotate-ca', 'verify-audit', 'new-credentials-key'] as const

async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(hubHelp())
    return 0
  }
  const [first = 'run'] = argv
  const command = first.startsWith('-') ? 'run' : first
  const flags = first.startsWith('-') ? argv : argv.slice(1)
  const version = (JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version
  switch (command) {
    case 'run': {
      const { config } = loadHubConfig(flags, process.env)
      const { beginHub } = await import('./begin.ts')
      const beginning = beginHub(config, process.stdout.isTTY)
      try {
        const { runHub } = await import('./run.ts')
        return await runHub({ config, version, randomBytes, beginning })
      } finally {
        await beginning.close()
      }
    }
    case 'backup': {
      const { backupCommand } = await import('./commands/backup.ts')
      const { config, extra } = loadHubConfig(flags, process.env, ['to'])
      return backupCommand(config, extra.to)
    }
    case 'restore': {
      const { restoreCommand } = await import('./commands/backup.ts')
      const { config, extra } = loadHubConfig(flags, process.env, ['from'])
      return restoreCommand(config, extra.from)
    }
    case 'login-link': {
      const { loginLinkCommand } = await import('./commands/login-link.ts')
      return loginLinkCommand(loadHubConfig(flags, process.env).config)
    }
    case 'verify-audit': {
      const { verifyAuditCommand } = await import('./commands/verify-audit.ts')
      const { config, extra } = loadHubConfig(flags, process.env, ['from'])
      return verifyAuditCommand(config, extra.from)
    }
    case 'rotate-ca': {
      const { rotateCaCommand } = await import('./commands/rotate-ca.ts')
      return rotateCaCommand(loadHubConfig(flags, process.env).config)
    }
    case 'new-credentials-key': {
      const { newCredentialsKeyCommand } = await import('./commands/new-credentials-key.ts')
      return newCredentialsKeyCommand(loadHubConfig(flags, process.env).config, randomBytes)
    }
    default:
      throw new OperatorError('UnknownCommand', `'${command}' is not a command of the hub`, `Use one of: ${commands.join(', ')}.`)
  }
}

// Everything the hub writes is for its own user, whatever the directory allows.
process.umask(0o077)
process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof OperatorError) process.stderr.write(`${error.code}: ${error.message}\n${error.next}\n`)
  else process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  return 1
})
