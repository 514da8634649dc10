// Every verb of the command line, in the order in which help lists them, each with the door to its file under commands/.
// Not what they do, nor what they import: a verb's file is loaded only when it is run or described.
// Invariant: a verb is in this list or does not exist.

import type { Command } from './command.ts'

type CommandLoader = () => Promise<Command>

const COMMAND_LOADERS: ReadonlyMap<string, CommandLoader> = new Map([
  ['demo', async () => (await import('./commands/demo.ts')).demoCommand],
  ['serve', async () => (await import('./commands/serve.ts')).serveCommand],
  ['metadata', async () => (await import('./commands/metadata.ts')).metadataCommand],
  ['tracker', async () => (await import('./commands/tracker.ts')).trackerCommand],
  ['origin', async () => (await import('./commands/origin.ts')).originCommand],
  ['preprocess', async () => (await import('./commands/preprocess.ts')).preprocessCommand],
  ['peer', async () => (await import('./commands/peer.ts')).peerCommand],
  ['get', async () => (await import('./commands/get.ts')).getCommand],
  ['play', async () => (await import('./commands/play.ts')).playCommand],
  ['status', async () => (await import('./commands/status.ts')).statusCommand],
])

export const VERBS: readonly string[] = [...COMMAND_LOADERS.keys()]

/** Undefined for a word that is no verb. */
export async function loadCommand(verb: string): Promise<Command | undefined> {
  return COMMAND_LOADERS.get(verb)?.()
}

export function loadAllCommands(): Promise<readonly Command[]> {
  return Promise.all([...COMMAND_LOADERS.values()].map(load => load()))
}
