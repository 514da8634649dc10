// The test runner's settings: sources are run directly (the `evastream-source` condition), never a stale build.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['evastream-source'] },
  ssr: { resolve: { conditions: ['evastream-source'] } },
  test: {
    include: ['packages/**/*.test.ts', 'apps/**/*.test.ts', 'scripts/**/*.test.ts', 'tests/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    setupFiles: ['./tests/test-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
