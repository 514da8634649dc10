// Where the repository lies, seen from a source file as well as from the build, which is one folder deeper.
// Not a configuration: it only serves what is committed, the program's door and the demo song.

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const PROGRAM_PATH = repositoryPath('bin/evastream.js')
export const DEMO_SONG_PATH = repositoryPath('assets/demo-song.mp3')

function repositoryPath(name: string): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(directory, 'bin/evastream.js')) && directory !== dirname(directory)) directory = dirname(directory)
  return join(directory, name)
}
