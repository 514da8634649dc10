// Tells when something changed in a folder, by the chokidar library: a hint to look, and nothing more.
// Not what changed: a look through the folder finds that, and finds it too where no hint comes from (network volumes).
// Invariant: a watch that fails is told once and leaves the looking to the interval; it never ends the process.

import { watch } from 'chokidar'
import { isAudioName, isHiddenName } from './audio-name.ts'

export interface FolderWatchOptions {
  readonly folder: string
  readonly ignored: readonly string[]
  /** Something may have changed. */
  readonly changed: () => void
  /** It sees no more, or not everything; the reason is for people. */
  readonly failed: (reason: string) => void
}

/** @returns what ends the watch */
export function watchFolder({ folder, ignored, changed, failed }: FolderWatchOptions): () => Promise<void> {
  const watcher = watch(folder, {
    ignoreInitial: true,
    // Looking compares two sightings of a file before it takes it for settled: the library need not poll for that.
    awaitWriteFinish: false,
    ignored: (path, facts) => {
      if (path === folder) return false
      const name = path.slice(path.lastIndexOf('/') + 1)
      return isHiddenName(name) || ignored.includes(path) || (facts?.isFile() === true && !isAudioName(name))
    },
  })
  let hasFailed = false
  watcher.on('all', () => changed())
  watcher.on('error', thrown => {
    if (!hasFailed) failed(thrown instanceof Error ? thrown.message : String(thrown))
    hasFailed = true
  })
  return () => watcher.close()
}
