// `npm run bench`: the process around bench-command.ts.
// Not anything more: arguments in, text, results and an exit code out.
// Invariant: the exit code is the command's, and a signal leaves nothing behind.

import { fileURLToPath } from 'node:url'
import { CROWD_SYSTEMS } from './against/crowd-systems.ts'
import { benchCommand } from './bench-command.ts'
import { CROWD_ROWS } from './crowd/crowd-rows.ts'
import { ResultsDirectory } from './kept-results.ts'
import { ROW_GROUPS } from './rows/row-groups.ts'
import { endOnSignals } from './scratch-place.ts'

/** One for each process of a run, so that none outlives this one. */
const EXIT_LISTENERS_MAX = 200
/** What others have no word for: a budget of copies, and peers that die. */
const INCOMPARABLE = new Set(['six-two-copies', 'killed'])

endOnSignals()
process.setMaxListeners(EXIT_LISTENERS_MAX)
process.exitCode = await benchCommand(process.argv.slice(2), {
  stdout: text => process.stdout.write(text),
  stderr: text => process.stderr.write(text),
  groups: ROW_GROUPS,
  results: new ResultsDirectory(fileURLToPath(new URL('./results', import.meta.url))),
  crowds: CROWD_ROWS.filter(({ name }) => !INCOMPARABLE.has(name)),
  systems: CROWD_SYSTEMS,
})
