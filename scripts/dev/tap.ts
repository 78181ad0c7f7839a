// Reads the TAP that ava prints: counts, and the text of every failure.
export interface TapCounts {
  passed: number
  failed: number
  skipped: number
}

export interface TapReader {
  push(chunk: string): void
  /** Call at the end of the stream, with whether the program that wrote it succeeded. */
  end(isSuccess: boolean): TapCounts
}

export interface TapListener {
  onTest?(title: string, isPassed: boolean): void
  /** The `not ok` line and everything that belongs to it. */
  onFailure?(text: string): void
}

const resultLine = /^(not )?ok \d+ - (.*)$/
const planLine = /^1\.\.\d+$/

export function createTapReader(listener: TapListener = {}): TapReader {
  const counts: TapCounts = { passed: 0, failed: 0, skipped: 0 }
  let rest = ''
  let failure: string[] | undefined
  const finishFailure = () => {
    if (failure) listener.onFailure?.(failure.join('\n'))
    failure = undefined
  }
  const readLine = (line: string) => {
    const result = resultLine.exec(line)
    if (result) {
      finishFailure()
      const title = result[2] ?? ''
      if (/ # [A-Z]+$/.test(title)) {
        counts.skipped++
        return
      }
      const isPassed = !result[1]
      if (isPassed) counts.passed++
      else {
        counts.failed++
        failure = [line]
      }
      listener.onTest?.(title, isPassed)
    } else if (planLine.test(line) || line.startsWith('# tests ')) finishFailure()
    else failure?.push(line)
  }
  return {
    push(chunk) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) readLine(line)
    },
    end(isSuccess) {
      if (rest) readLine(rest)
      finishFailure()
      // A run that failed without a failing test (a crash, a broken file), and one that tested nothing, are failures.
      if (counts.failed === 0 && (!isSuccess || counts.passed === 0)) counts.failed++
      return counts
    },
  }
}

/**
 * The test files that these titles come from: ava puts the path without ending before the title (`api › watch › a change …`), or names the
 * file itself when it broke; what it broke with is a title of its own and names none. Undefined when no title belongs to a file, or one
 * to several.
 */
export function filesOf(titles: readonly string[], files: readonly string[]): string[] | undefined {
  if (files.length === 1) return titles.length > 0 ? [...files] : undefined
  const found = new Set<string>()
  for (const title of titles) {
    const parts = title.split(' › ')
    const candidates = files.filter(
      (file) => title.includes(file) || parts.some((_, at) => at > 0 && file.endsWith(`/${parts.slice(0, at).join('/')}.test.ts`)),
    )
    const [file] = candidates
    if (candidates.length > 1) return undefined
    if (file !== undefined) found.add(file)
  }
  return found.size > 0 ? [...found] : undefined
}
