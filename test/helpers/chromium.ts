import { chromium, type Browser } from 'playwright-core'

interface Owner {
  teardown(run: () => Promise<void>): void
}

/** Debian's Chromium, headless and without its background traffic; closed when the test ends. */
export async function launchChromium(t: Owner): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  t.teardown(() => browser.close())
  return browser
}
