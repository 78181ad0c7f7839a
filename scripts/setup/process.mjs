// The two ways the setup runs a program: quietly, showing the output only when it fails, and as the command itself.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'

/** Resolves with the exit code and the last 8 KiB of both streams. Never rejects: a program that is missing has code 127. */
export function runQuietly(program, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const collect = (data) => {
      output = (output + data).slice(-8192)
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.once('error', (error) => resolve({ code: 127, output: error.message }))
    child.once('close', (code, signal) => resolve({ code: code ?? 128 + (constants.signals[signal] ?? 0), output: output.trim() }))
  })
}

/** Becomes `program` as far as that is visible: its terminal, its signals, its exit code. */
export function become(program, args, options) {
  const child = spawn(program, args, { ...options, stdio: 'inherit' })
  // A terminal hands Ctrl-C and Ctrl-\ to the child itself; passing them on would make two of one.
  const isFromTerminal = (signal) => process.stdin.isTTY && (signal === 'SIGINT' || signal === 'SIGQUIT')
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']) {
    process.on(signal, () => isFromTerminal(signal) || child.kill(signal))
  }
  child.once('error', (error) => {
    process.stderr.write(`${program} could not be started: ${error.message}\n`)
    process.exit(127)
  })
  child.once('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}
