// `evastream preprocess`: splits, hashes and publishes one audio file.
// Not the work itself: apps/preprocessor.

import { preprocessorOptions } from '@evastream/preprocessor/config'
import { defineCommand } from '../command.ts'

export const preprocessCommand = defineCommand({
  verb: 'preprocess',
  summary: 'publish one audio file: split it, hash it, register it',
  example: 'evastream preprocess --input song.mp3 --songId song-1 --chunkSize 262144',
  options: preprocessorOptions,
  run: async ({ values }, host) => {
    const { publishSong } = await import('@evastream/preprocessor/main')
    await publishSong(values, {
      stdout: host.stdout,
      stderr: host.stderr,
      isTerminal: host.stderr.isTTY,
      signal: host.signal,
      env: host.env,
    })
    return 0
  },
})
