// I7: looks for every secret of a fleet in every file, log, process argument and list, and allows each where it has to be.
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type Client, kindPath } from './client.ts'
import type { Fleet } from './fleet.ts'

/** Files that may hold secrets, relative to the fleet's directory; each must be its owner's alone. */
const allowed: readonly { file: RegExp; secrets: RegExp }[] = [
  { file: /^hub\/admin\.kubeconfig$/, secrets: /^admin token$/ },
  { file: /^hub\/nats\/keys\.json$/, secrets: /^key of hub\/nats\/keys\.json/ },
  { file: /^hub\/pki\//, secrets: /^key of hub\/pki\// },
  { file: /^agent-\d+\/identity\//, secrets: /^key of agent-/ },
  { file: /^agent-\d+\/config\.json$/, secrets: /^proxy password$/ },
  { file: /^agent-\d+\/pending-join-token$/, secrets: /^token of / },
]
const keyFiles = [/^hub\/nats\/keys\.json$/, /^hub\/pki\//, /^agent-\d+\/identity\//]

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

/** A file may be replaced while it is looked for. */
async function readAny(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return Buffer.alloc(0)
    throw error
  }
}

/** Private keys and seeds as they are on disk now: one line of each PEM body is enough to know it again. */
async function keysIn(directory: string, files: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const path of files) {
    const name = relative(directory, path)
    if (!keyFiles.some((pattern) => pattern.test(name))) continue
    const text = (await readAny(path)).toString('latin1')
    for (const [, body = ''] of text.matchAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----\s+([^-]+)-----END/g)) {
      // The first lines of a key in PKCS#8 are its type; the second holds key.
      const lines = body.trim().split(/\s+/)
      const line = lines.length > 1 ? lines[1] : lines[0]?.slice(-40)
      if (line) found.set(`key of ${name}`, line)
    }
    for (const [index, seed] of [...text.matchAll(/\bS[OAU][A-Z2-7]{56}\b/g)].entries()) found.set(`key of ${name} seed ${index}`, seed[0])
  }
  return found
}

async function commandLines(): Promise<Map<string, Buffer>> {
  const lines = new Map<string, Buffer>()
  for (const name of await readdir('/proc')) if (/^\d+$/.test(name)) lines.set(name, await readAny(`/proc/${name}/cmdline`))
  return lines
}

async function lists(client: Client): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>()
  for (const plural of ['machines', 'tasks', 'jointokens', 'accesstokens', 'clusters', 'auditevents'])
    found.set(plural, Buffer.from((await client.ask('GET', `${kindPath}/${plural}`)).text))
  return found
}

/** A sentence for each secret in a place that is not its own. Without a client, lists are not looked at. */
export async function leaks(fleet: Pick<Fleet, 'directory' | 'programs' | 'secrets'>, client?: Client): Promise<string[]> {
  const files = await filesBelow(fleet.directory)
  const secrets = new Map([...fleet.secrets, ...(await keysIn(fleet.directory, files))])
  const found: string[] = []
  const look = (where: string, text: Buffer, mayHold: (secret: string) => boolean = () => false): boolean => {
    let holdsAny = false
    for (const [name, secret] of secrets) {
      const isThere = [secret, Buffer.from(secret).toString('base64').replace(/=+$/, '')].some((form) => text.includes(form))
      if (!isThere) continue
      holdsAny = true
      if (!mayHold(name)) found.push(`${where} holds the ${name}`)
    }
    return holdsAny
  }
  for (const path of files) {
    const name = relative(fleet.directory, path)
    const rules = allowed.filter(({ file }) => file.test(name))
    const holds = look(name, await readAny(path), (secret) => rules.some((rule) => rule.secrets.test(secret)))
    if (holds && ((await stat(path)).mode & 0o077) !== 0) found.push(`${name} holds a secret and is readable by others`)
  }
  for (const { pid, child, stdout, stderr } of fleet.programs)
    look(`the log of process ${pid} (${child.spawnargs.slice(1, 3).join(' ')})`, Buffer.from(stdout() + stderr()))
  for (const [pid, line] of await commandLines()) look(`the command line of process ${pid}`, line)
  if (client) for (const [plural, text] of await lists(client)) look(`the list of ${plural}`, text)
  return found
}

/** How many different secrets are looked for: a check that finds none because it knows none is no check. */
export async function knownSecrets(fleet: Pick<Fleet, 'directory' | 'secrets'>): Promise<number> {
  return fleet.secrets.size + (await keysIn(fleet.directory, await filesBelow(fleet.directory))).size
}
