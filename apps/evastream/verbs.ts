// Every verb of the command line, in the order in which help lists them.
// Not what they do: each is a file under commands/, which imports the heavy parts only when it runs.
// Invariant: a verb is in this list or does not exist.

import type { Command } from './command.ts'
import { demoCommand } from './commands/demo.ts'
import { getCommand } from './commands/get.ts'
import { metadataCommand } from './commands/metadata.ts'
import { originCommand } from './commands/origin.ts'
import { peerCommand } from './commands/peer.ts'
import { preprocessCommand } from './commands/preprocess.ts'
import { trackerCommand } from './commands/tracker.ts'

export const COMMANDS: readonly Command[] = [
  demoCommand,
  metadataCommand,
  trackerCommand,
  originCommand,
  preprocessCommand,
  peerCommand,
  getCommand,
]
