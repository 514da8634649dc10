// Takes a song's files out of the storage: its name is gone at once, its bytes a moment later.
// Not its registration: whoever unpublishes a song has the metadata service forget it first, so that nobody is sent here any more.
// Invariant: killed at any moment it leaves the whole directory or nothing that has a name; the next sweep takes the rest.

import { join } from 'node:path'
import type { SongId } from '@evastream/core/ids'
import { type StagingOwner, stageDirectory } from './staged-directory.ts'

/** @returns whether there were any. @throws EvaError `EVA_STORAGE_FAILED` */
export async function removeSongFiles(
  songId: SongId,
  { storageDir, owner }: { storageDir: string; owner: StagingOwner },
): Promise<boolean> {
  const staged = await stageDirectory(storageDir, owner)
  try {
    return await staged.takeIn(join(storageDir, songId))
  } finally {
    await staged.discard()
  }
}
