// `npm run sim`: the process around sim-command.ts.
// Not anything more: arguments in, text and an exit code out.
// Invariant: the exit code is the command's.

import { simCommand } from './sim-command.ts'

process.exitCode = await simCommand(process.argv.slice(2), {
  stdout: text => process.stdout.write(text),
  stderr: text => process.stderr.write(text),
})
