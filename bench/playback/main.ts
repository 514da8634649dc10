// `npm run bench:playback`: the process around playback-command.ts.
// Not anything more: arguments in, text, results and an exit code out.
// Invariant: the exit code is the command's.

import { fileURLToPath } from 'node:url'
import { endOnSignals } from '../scratch-place.ts'
import { playbackCommand } from './playback-command.ts'

endOnSignals()
process.exitCode = await playbackCommand(process.argv.slice(2), {
  stdout: text => process.stdout.write(text),
  stderr: text => process.stderr.write(text),
  resultsDirectory: fileURLToPath(new URL('../results', import.meta.url)),
})
