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

  /** Notes which of the remembered files are away, and for how long. */
  note(remembered: Iterable<RememberedPlace>, folder: SeenFolder): void {
    const now = this.#clock.now()
    const away = [...remembered].filter(place => !folder.files.has(place.path) && hasPlace(place, folder))
    const missing = new Map(away.map(({ path }) => [path, this.#since.get(path) ?? now]))
    this.#since.clear()
    for (const [path, since] of missing) this.#since.set(path, since)
  }

  /** Those that are to be taken for deleted now. */
  overdue(): string[] {
    const now = this.#clock.now()
    return [...this.#since].filter(([, since]) => now - since >= this.#graceMs).map(([path]) => path)
  }

  /** It is dealt with. */
  forget(path: string): void {
    this.#since.delete(path)
  }

  /** How long until another one is due; undefined when none is missing. */
  nextInMs(): Millis | undefined {
    if (this.#since.size === 0) return undefined
    return Math.max(0, Math.min(...this.#since.values()) + this.#graceMs - this.#clock.now())
  }
}

/** Whether the nearest directory that is left was read, and is on the volume that the file was on. */
function hasPlace({ path, device }: RememberedPlace, { directories, unreadable }: SeenFolder): boolean {
  // A link that leads nowhere, say to a volume that is away, is there all the same.
  if (unreadable.has(path)) return false
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
