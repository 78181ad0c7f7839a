// A headless Chromium for the tests of the pages. Everything the page complains about is collected, and fails the test that asks.
import { type Browser, chromium, type Page } from 'playwright-core'

export const launchArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: launchArguments })
}

export interface OpenPage {
  page: Page
  /** Policy violations, exceptions and console errors so far. */
  complaints: string[]
}

export async function openPage(browser: Browser, options: Parameters<Browser['newContext']>[0] = {}): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width: 1360, height: 860 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(10_000)
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`))
  // A refused request is written to the console by the browser itself; the pages handle those.
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) complaints.push(`console: ${message.text()}`)
  })
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  return { page, complaints }
}
