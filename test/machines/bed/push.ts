// node push.ts REGISTRY FOLDER: pushes FOLDER's layer, config and manifest. A program of its own because it has to run in the namespace
// of the registry.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf, manifestType } from './image.ts'

const [registry = '', folder = ''] = process.argv.slice(2)
const reference = await readFile(join(folder, 'reference'), 'utf8')
const [name = '', tag = ''] = reference.split(':')
const at = `http://${registry}/v2/${name}`

async function ask(method: string, url: string, body?: Buffer, type = 'application/octet-stream'): Promise<Response> {
  const response = await fetch(url, { method, body: body && new Uint8Array(body), headers: body && { 'content-type': type } })
  if (!response.ok && response.status !== 404) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`)
  return response
}

for (const file of ['layer', 'config']) {
  const content = await readFile(join(folder, file))
  const digest = digestOf(content)
  if ((await ask('HEAD', `${at}/blobs/${digest}`)).ok) continue
  const upload = new URL((await ask('POST', `${at}/blobs/uploads/`)).headers.get('location') ?? '', at)
  upload.searchParams.set('digest', digest)
  await ask('PUT', upload.href, content)
}
await ask('PUT', `${at}/manifests/${tag}`, await readFile(join(folder, 'manifest')), manifestType)
