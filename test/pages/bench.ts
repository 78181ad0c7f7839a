// One fake hub and one browser per test file, a page per test. The pages are built first when their sources have changed.
import { type ExecutionContext, type TestFn } from 'ava'
import type { Browser } from 'playwright-core'
import { ensureWeb } from '#scripts/build/web.ts'
import { launch, openPage, type OpenPage } from './browser.ts'
import { type FakeApi, startFakeApi } from './fake-api.ts'

export interface Bench extends OpenPage {
  api: FakeApi
  open(path: string): Promise<void>
}

export function useBench(test: TestFn): (t: ExecutionContext, options?: Parameters<Browser['newContext']>[0]) => Promise<Bench> {
  let browser: Browser
  test.before(async () => {
    await ensureWeb(() => {})
    browser = await launch()
  })
  test.after.always(() => browser?.close())
  return async (t, options) => {
    const api = await startFakeApi()
    const opened = await openPage(browser, options)
    t.teardown(async () => {
      await opened.page.context().close()
      await api.close()
    })
    return {
      ...opened,
      api,
      async open(path) {
        await opened.page.goto(api.url + path)
        await opened.page.locator('h1').first().waitFor()
      },
    }
  }
}
