// Serves dist/web as the hub does: index.html for every page address, and a policy without any exception.
import { readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pagePolicy } from '#hub/api/http/page-policy.ts'

export const webRoot = fileURLToPath(new URL('../../dist/web', import.meta.url))
// The hub's own policy, and trusted types on top: nothing in the pages builds markup from text.
const contentSecurityPolicy = `${pagePolicy}; require-trusted-types-for 'script'`

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

export async function serveStatic(pathname: string, response: ServerResponse): Promise<void> {
  const isFile = pathname.startsWith('/assets/') || ['/theme.js', '/favicon.svg'].includes(pathname)
  const path = join(webRoot, isFile ? pathname : 'index.html')
  // A file that is not there is answered with 404 below.
  const content = await readFile(path).catch(() => undefined)
  response.writeHead(content ? 200 : 404, {
    'content-type': types[extname(path)] ?? 'application/octet-stream',
    'content-length': content?.length ?? 0,
    'content-security-policy': contentSecurityPolicy,
    'x-content-type-options': 'nosniff',
  })
  response.end(content)
}
