// Reads a Dockerfile into stages and instructions: as much of its grammar as ours use.
export interface Instruction {
  line: number
  keyword: string
  /** Options like --from=build. */
  options: Readonly<Record<string, string>>
  /** The rest as written, continuation lines joined. */
  text: string
  /** Words of it; of the exec form, its elements. */
  words: readonly string[]
  isExecForm: boolean
}

export interface Stage {
  name: string
  base: string
  instructions: readonly Instruction[]
}

const known = new Set([
  'FROM',
  'RUN',
  'COPY',
  'WORKDIR',
  'USER',
  'ENV',
  'VOLUME',
  'EXPOSE',
  'HEALTHCHECK',
  'ENTRYPOINT',
  'CMD',
  'ARG',
  'LABEL',
])

/** Throws with the line of what it does not understand. */
export function parseDockerfile(text: string): Stage[] {
  const stages: { name: string; base: string; instructions: Instruction[] }[] = []
  for (const instruction of instructions(text)) {
    if (instruction.keyword === 'FROM') {
      const [base = '', , name = String(stages.length)] = instruction.words
      stages.push({ name, base, instructions: [] })
    } else {
      const stage = stages.at(-1)
      if (!stage) throw new Error(`line ${instruction.line}: ${instruction.keyword} before FROM`)
      stage.instructions.push(instruction)
    }
  }
  return stages
}

function* instructions(text: string): Generator<Instruction> {
  const lines = text.split('\n')
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1
    let whole = (lines[index] ?? '').trim()
    if (whole === '' || whole.startsWith('#')) continue
    while (whole.endsWith('\\')) whole = `${whole.slice(0, -1).trim()} ${(lines[++index] ?? '').trim()}`
    const [, keyword = '', rest = ''] = /^([A-Za-z]+)\s+(.*)$/.exec(whole) ?? []
    if (!known.has(keyword)) throw new Error(`line ${line}: '${keyword || whole}' is not an instruction that is used here`)
    const options: Record<string, string> = {}
    let body = rest
    for (let match = /^--([a-z-]+)=(\S+)\s+/.exec(body); match; match = /^--([a-z-]+)=(\S+)\s+/.exec(body)) {
      options[match[1] ?? ''] = match[2] ?? ''
      body = body.slice(match[0].length)
    }
    const exec = /^(?:CMD\s+)?(\[.*\])$/.exec(body)
    const words = exec ? (JSON.parse(exec[1] ?? '[]') as string[]) : body.split(/\s+/)
    yield { line, keyword, options, text: body, words, isExecForm: exec !== null }
  }
}
