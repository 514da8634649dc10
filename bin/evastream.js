#!/usr/bin/env node
// The door of the command line: it runs the build in this very process, so that signals and process figures are the service's own.
import { executionAsyncResource } from 'node:async_hooks'
import { existsSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'

// A peer shares its machine with whoever listens: its young generation stays at 2 MB instead of growing to 48 and is collected by one
// thread, and its code is optimized late and without much inlining, for most of it is done before optimizing it has paid
// (docs/decisions/0017 and 0020). What it does when it has grown nevertheless, apps/evastream/memory-thrift.ts says.
const PEER_FLAGS = [
  '--semi-space-growth-factor=1',
  '--interrupt-budget=1320000',
  '--max-inlined-bytecode-size-cumulative=200',
  '--no-use-osr',
  '--no-parallel-scavenge',
  '--no-minor-gc-task',
]
if (process.argv[2] === 'peer') for (const flag of PEER_FLAGS) setFlagsFromString(flag)

// One tick is kept for good: were the shape of ticks collected with the last of them, V8 would make every later one by its slow way,
// a seventh of what a request costs (docs/decisions/0015).
const kept = []
process.nextTick(() => kept.push(executionAsyncResource()))

const build = new URL('../apps/evastream/dist/main.js', import.meta.url)
if (!existsSync(build)) {
  process.stderr.write('evastream: it is not built yet. Run "npm ci" (or "npm run build") in the repository first.\n')
  process.exit(1)
}
await import(build.href)
