// Builds the dashboard into dist/web. Nothing is inlined, so that the pages run under `default-src 'self'`.
import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const root = fileURLToPath(new URL('.', import.meta.url))

/** PatternFly brings variants of its theme that nothing here turns on: a seventh of all style. Rules of several selectors are left alone. */
const dropUnusedThemes = {
  postcssPlugin: 'drop-unused-themes',
  Rule(rule: { selector: string; remove(): unknown }) {
    if (/^:root:where\(\S*\.pf-v6-theme-(felt|glass|high-contrast|redhat)\S*\)$/.test(rule.selector)) rule.remove()
  },
}

// Also when a test builds the pages, where NODE_ENV is 'test': React's development build is slow and talkative.
export default defineConfig(({ command }) => {
  if (command === 'build') process.env.NODE_ENV = 'production'
  return {
    css: { postcss: { plugins: [dropUnusedThemes] } },
    root,
    plugins: [react()],
    build: {
      outDir: fileURLToPath(new URL('../../dist/web', import.meta.url)),
      emptyOutDir: true,
      assetsInlineLimit: 0,
      target: 'es2022',
      modulePreload: { polyfill: false },
      chunkSizeWarningLimit: 600,
    },
    // `vite` alone serves the pages with live reload and passes everything else to a hub that runs beside it.
    server: {
      proxy: Object.fromEntries(
        ['/apis', '/auth', '/readyz'].map((path) => [
          path,
          { target: process.env.MOORLINE_HUB ?? 'https://127.0.0.1:8443', secure: false, changeOrigin: true },
        ]),
      ),
    },
  }
})
