// When a file that was there is taken for deleted: its place is still there and readable, and it stayed away for the grace time.
// Not the deleting of its song.
// Invariant: what vanished together with its volume, or behind a directory that cannot be read, is never taken for deleted.

import { dirname } from 'node:path'
import type { Millis } from '@evastream/core/units'
import type { Clock } from '@evastream/service-kit/system-clock'
import type { SeenFolder } from './folder-scan.ts'

export interface RememberedPlace {
  readonly path: string
  /** The number of the volume on which its directory was. */
  readonly device: number
}

export class MissingFiles {
  readonly #clock: Clock
  readonly #graceMs: number
  readonly #since = new Map<string, Millis>()

  constructor(deps: { readonly clock: Clock }, options: { readonly graceMs: number }) {
    this.#clock = deps.clock
    this.#graceMs = options.graceMs
  }

  get count(): number {
    return this.#since.size
  }

  /** Of the remembered files, those that are to be taken for deleted now. */
  judge(remembered: Iterable<RememberedPlace>, folder: SeenFolder): string[] {
    const now = this.#clock.now()
    const missing = [...remembered].filter(place => !folder.files.has(place.path) && hasPlace(place, folder)).map(({ path }) => path)
    const stillMissing = new Set(missing)
    for (const path of this.#since.keys()) if (!stillMissing.has(path)) this.#since.delete(path)
    for (const path of missing) if (!this.#since.has(path)) this.#since.set(path, now)
    const overdue = missing.filter(path => now - (this.#since.get(path) ?? now) >= this.#graceMs)
    for (const path of overdue) this.#since.delete(path)
    return overdue
  }

  /** How long until another one is due; undefined when none is missing. */
  nextInMs(): Millis | undefined {
    if (this.#since.size === 0) return undefined
    return Math.max(0, Math.min(...this.#since.values()) + this.#graceMs - this.#clock.now())
  }
}

/** Whether the nearest directory that is left was read, and is on the volume that the file was on. */
function hasPlace({ path, device }: RememberedPlace, { directories, unreadable }: SeenFolder): boolean {
  for (let directory = parentOf(path); ; directory = parentOf(directory)) {
    if (unreadable.has(directory)) return false
    const here = directories.get(directory)
    if (here !== undefined) return here === device
    if (directory === '') return false
  }
}

function parentOf(path: string): string {
  const parent = dirname(path)
  return parent === '.' ? '' : parent
}
