// What a person sees while the setup works: one line per step, on stderr so that a command's own output stays clean.

/** An error whose message is for the person at the terminal: what happened, then what to do next. */
export class SetupError extends Error {
  constructor(message, next) {
    super(message)
    this.next = next
  }
}

/** Runs `work` under a line that says what goes on and how long it took. */
export async function step(title, work) {
  const startedMs = performance.now()
  process.stderr.write(`setup: ${title} …\n`)
  const result = await work()
  process.stderr.write(`setup: ${title}: done in ${((performance.now() - startedMs) / 1000).toFixed(1)} s\n`)
  return result
}
