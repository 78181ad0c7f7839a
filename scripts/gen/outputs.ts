// Everything that is generated and committed. `npm run gen` writes it, `npm run check` compares.
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from '#scripts/dev/command.ts'
import { repositoryRoot } from '#scripts/dev/root.ts'
import { kinds } from './api-doc.ts'
import {
  agentErrors,
  apiErrors,
  databaseErrors,
  dialErrors,
  operatorErrors,
  taskEnds,
  taskWaits,
  terminalErrors,
  tunnelErrors,
} from './errors-doc.ts'
import { preflightChecks, preflightVersions } from './preflight-doc.ts'
import { replaceSection } from './section.ts'
import { agentPolicy, agentSettings, hubSettings } from './settings-doc.ts'

interface Document {
  path: string
  /** Used when the file does not exist yet. */
  title: string
  sections: readonly { name: string; content(): string }[]
}

const documents: readonly Document[] = [
  {
    path: 'docs/errors.md',
    title: 'Errors',
    sections: [
      { name: 'errors of the API', content: apiErrors },
      { name: 'errors of the agent', content: agentErrors },
      { name: 'errors at start and of commands', content: operatorErrors },
      { name: 'errors of the database', content: databaseErrors },
      { name: 'why a task ended', content: taskEnds },
      { name: 'why a task waits', content: taskWaits },
      { name: 'errors of tunnels', content: tunnelErrors },
      { name: 'errors of dialling', content: dialErrors },
      { name: 'errors of terminals', content: terminalErrors },
    ],
  },
  { path: 'docs/api.md', title: 'The resource API', sections: [{ name: 'kinds', content: kinds }] },
  {
    path: 'docs/preflight.md',
    title: 'Preflight',
    sections: [
      { name: 'checks', content: preflightChecks },
      { name: 'what depends on the version', content: preflightVersions },
    ],
  },
  {
    path: 'docs/agent.md',
    title: 'The agent',
    sections: [
      { name: 'settings', content: agentSettings },
      { name: 'policy file', content: agentPolicy },
    ],
  },
  { path: 'docs/operations.md', title: 'Operations', sections: [{ name: 'settings of the hub', content: hubSettings }] },
]

/** Path (relative to the root) → content that it should have. */
export async function generateAll(): Promise<Map<string, string>> {
  const outputs = await generateProto()
  for (const { path, title, sections } of documents) {
    const file = join(repositoryRoot, path)
    const before = existsSync(file) ? await readFile(file, 'utf8') : `# ${title}\n`
    outputs.set(
      path,
      sections.reduce((text, { name, content }) => replaceSection(text, name, content()), before),
    )
  }
  return outputs
}

async function generateProto(): Promise<Map<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'moorline-gen-'))
  try {
    await runCommand('buf', ['generate', '--output', folder])
    const entries = await readdir(join(folder, 'proto/gen'), { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    return new Map(await Promise.all(files.map(async (file) => [file.slice(folder.length + 1), await readFile(file, 'utf8')] as const)))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Committed files under proto/gen that no .proto makes any more. */
export async function orphanedOutputs(outputs: ReadonlyMap<string, string>): Promise<string[]> {
  const entries = await readdir(join(repositoryRoot, 'proto/gen'), { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(repositoryRoot.length + 1))
  return files.filter((file) => !outputs.has(file))
}

/** The descriptor that `buf breaking` compares with: the wire that agents in the field speak. Renewed at a release. */
export const baseline = 'proto/baseline.binpb'
