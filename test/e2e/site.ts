// A signed-in browser on a real hub.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { ensureWeb } from '#scripts/build/web.ts'
import { launch, openPage } from '#test/pages/browser.ts'
import type { Owner } from '#test/faults/owner.ts'
import { tempDir } from '#test/helpers/temp-dir.ts'
import { agentWrapper } from '#test/hub/api/install/hub.ts'
import { type Site, startSite } from '#test/integration/site.ts'

export interface BrowserSite {
  site: Site
  page: Page
  /** Exceptions, console errors, dialogs and policy violations so far: a test ends with none. */
  complaints: string[]
  open(path: string): Promise<void>
  /** Kept only when MOORLINE_SCREENSHOTS names a directory. */
  shoot(name: string): Promise<void>
}

export async function startBrowserSite(
  owner: Owner,
  options: BrowserContextOptions = {},
  hubArgs: readonly string[] = [],
): Promise<BrowserSite> {
  await ensureWeb(() => {})
  const artifacts = await tempDir(owner)
  await writeFile(join(artifacts, 'moorline-agent-linux-x64'), agentWrapper, { mode: 0o755 })
  const site = await startSite(owner, { hubArgs: ['--artifacts-dir', artifacts, ...hubArgs] })
  const browser = await launch()
  owner.teardown(() => browser.close())
  // Its certificate is signed by the fleet's own CA, which this browser does not know.
  const { page, complaints } = await openPage(browser, { ignoreHTTPSErrors: true, ...options })
  const reportViolations = `addEventListener('securitypolicyviolation', (event) => console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI))`
  await page.addInitScript({ content: reportViolations })
  const { path } = (await site.client().ask('POST', '/auth/login-links', { body: {} })).json<{ path: string }>()
  await page.goto(site.hub.url + path)
  await page.getByRole('heading', { level: 1 }).first().waitFor()
  await page.waitForURL((url) => !url.pathname.startsWith('/login') && url.hash === '')
  const folder = process.env.MOORLINE_SCREENSHOTS
  if (folder) await mkdir(folder, { recursive: true })
  return {
    site,
    page,
    complaints,
    async open(to) {
      await page.goto(site.hub.url + to)
      await page.getByRole('heading', { level: 1 }).first().waitFor()
    },
    async shoot(name) {
      if (folder) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
    },
  }
}
