#!/usr/bin/env node
// The door of the command line: it runs the build in this very process, so that signals and process figures are the service's own.
import { existsSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'

// A peer shares its machine with whoever listens: its young generation stays at 2 MB instead of growing to 48 (docs/decisions/0020).
if (process.argv[2] === 'peer') setFlagsFromString('--semi-space-growth-factor=1')

const build = new URL('../apps/evastream/dist/main.js', import.meta.url)
if (!existsSync(build)) {
  process.stderr.write('evastream: it is not built yet. Run "npm ci" (or "npm run build") in the repository first.\n')
  process.exit(1)
}
await import(build.href)
