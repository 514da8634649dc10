// How the page is built: one script, one style sheet, the fonts beside them, all named by their content.
// Not a server of its own: peers serve what lies in dist.
// Invariant: nothing of it is inlined or fetched from elsewhere, so that the strictest Content-Security-Policy fits.

import { defaultClientConditions, defineConfig } from 'vite'

export default defineConfig({
  base: './',
  publicDir: false,
  resolve: { conditions: ['evastream-source', ...defaultClientConditions] },
  build: {
    target: ['chrome123', 'firefox128', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
})
