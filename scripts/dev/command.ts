// Runs a tool and keeps what it prints for the failure message.
import { spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { repositoryRoot } from './root.ts'

export interface CommandOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  /** Written to its standard input. */
  stdin?: string
}

export interface CommandResult {
  code: number
  stdout: string
  stderr: string
}

const withTools = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  ...env,
  PATH: `${join(repositoryRoot, 'node_modules/.bin')}${delimiter}${env['PATH'] ?? ''}`,
})

/** Resolves with the exit code and both streams; rejects only when the program cannot be started. */
export function tryCommand(program: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd ?? repositoryRoot,
      env: withTools(options.env ?? process.env),
      stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    // One that ends without reading it says why by its exit code.
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.stdin)
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code: code ?? 1, stdout, stderr: signal ? `${stderr}\nended by ${signal}` : stderr }))
  })
}

/** The same, but a non-zero exit code is an error that carries what the tool said. Resolves with its standard output. */
export async function runCommand(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await tryCommand(program, args, options)
  if (result.code === 0) return result.stdout
  throw new Error(`${program} ${args.join(' ')} failed with exit code ${result.code}:\n${(result.stdout + result.stderr).trim()}`)
}
