// Where the built page lies, seen from a source file as well as from the build, which is one folder deeper.
// Not its making: the workspace apps/web is built by `npm run build`.
// Invariant: a directory is only named if the page is in it.

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Undefined: it was not built. */
export function findPageDirectory(): string | undefined {
  const here = dirname(fileURLToPath(import.meta.url))
  return [join(here, '../../web/dist'), join(here, '../../../web/dist')].find(directory => existsSync(join(directory, 'index.html')))
}
