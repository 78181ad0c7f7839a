// What must hold for the images, read off their Dockerfiles.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repositoryRoot } from '#scripts/dev/root.ts'
import { pinnedNodeVersion } from '#scripts/setup/node.mjs'
import { parseDockerfile, type Stage } from './dockerfile.ts'

export const dockerfiles = ['Dockerfile.hub', 'Dockerfile.agent'] as const

/** Findings of all Dockerfiles; none is a pass. */
export async function checkDockerfiles(): Promise<string[]> {
  const findings: string[] = []
  for (const name of dockerfiles) {
    const text = await readFile(join(repositoryRoot, name), 'utf8')
    findings.push(
      ...checkDockerfile(text, pinnedNodeVersion(repositoryRoot), (path) => existsSync(join(repositoryRoot, path))).map(
        (finding) => `${name}: ${finding}`,
      ),
    )
  }
  return findings
}

export function checkDockerfile(text: string, nodeVersion: string, exists: (path: string) => boolean): string[] {
  const stages = parseDockerfile(text)
  const final = stages.at(-1)
  if (!final || stages.length < 2) return ['has to be multi-stage: what builds is not what runs']
  return [...stages.flatMap((stage, index) => checkStage(stage, stages.slice(0, index), nodeVersion, exists)), ...checkFinal(final)]
}

function checkStage(stage: Stage, earlier: readonly Stage[], nodeVersion: string, exists: (path: string) => boolean): string[] {
  const findings: string[] = []
  if (!/:[\w.-]*\w$/.test(stage.base) || stage.base.endsWith(':latest')) findings.push(`the base ${stage.base} has no fixed tag`)
  if (stage.base.startsWith('node:') && !stage.base.startsWith(`node:${nodeVersion}-`))
    findings.push(`the base ${stage.base} is not Node ${nodeVersion}`)
  for (const { line, keyword, options, words, text } of stage.instructions) {
    if (keyword === 'RUN' && /\b(curl|wget)\b|https?:\/\//.test(text))
      findings.push(`line ${line} downloads something that no lock file pins`)
    if (keyword === 'RUN' && /\bnpm (ci|install)\b/.test(text) && !text.includes('npm ci --'))
      findings.push(`line ${line} installs without the lock file`)
    if (keyword === 'RUN' && text.includes('npm ci') && !text.includes('--ignore-scripts'))
      findings.push(`line ${line} runs install scripts`)
    if (keyword !== 'COPY') continue
    const from = options['from']
    if (from && !earlier.some(({ name }) => name === from))
      findings.push(`line ${line} copies from the stage ${from}, which does not exist`)
    if (!from)
      findings.push(
        ...words
          .slice(0, -1)
          .filter((path) => !exists(path))
          .map((path) => `line ${line} copies ${path}, which does not exist`),
      )
  }
  return findings
}

function checkFinal({ instructions }: Stage): string[] {
  const last = (keyword: string) => instructions.findLast((instruction) => instruction.keyword === keyword)
  const user = last('USER')
  const entry = last('ENTRYPOINT')
  const findings: string[] = []
  // A number, so that Kubernetes' runAsNonRoot can tell without looking into the image.
  if (!user || !/^[1-9]\d*(:[1-9]\d*)?$/.test(user.text)) findings.push('the image has to run as a numeric user that is not root')
  if (!entry?.isExecForm) findings.push('ENTRYPOINT needs the exec form, or signals do not reach the program')
  if (instructions.some(({ keyword, line }) => user && keyword === 'RUN' && line > user.line))
    findings.push('no RUN may follow USER in the image that runs')
  return findings
}
