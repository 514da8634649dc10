// The test runner's settings: sources are run directly (the `evastream-source` condition), never a stale build.
// Two groups, one after the other: `unit` shares its worker processes between files (starting one for each of 150 small files
// takes longer than the tests in them; a file that leaves a mark on the process breaks its neighbours, so none may), and
// `processes` gives each file of `tests/` a worker of its own, after the others, because it starts real services; they wait more than they work, so three share two cores.
import { defineConfig } from 'vitest/config'

const shared = {
  exclude: ['**/node_modules/**', '**/dist/**'],
  setupFiles: ['./tests/test-setup.ts'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
}

export default defineConfig({
  resolve: { conditions: ['evastream-source'] },
  ssr: { resolve: { conditions: ['evastream-source'] } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          ...shared,
          name: 'unit',
          include: ['packages/**/*.test.ts', 'apps/**/*.test.{ts,tsx}', 'scripts/**/*.test.ts', 'bench/**/*.test.ts'],
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { ...shared, name: 'processes', include: ['tests/**/*.test.ts'], maxWorkers: 3, sequence: { groupOrder: 2 } },
      },
    ],
  },
})
