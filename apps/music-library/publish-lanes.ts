// Files waiting to be published, and the few at a time that are: the newest sighting of a file counts.
// Not the publishing and not its outcome: the keeper of the folder has both.
// Invariant: a file is worked on by one lane at a time, and `idle` tells when nothing waits and nothing runs.

import type { FoundFile } from './folder-scan.ts'

export interface PublishLanesOptions {
  /** Reading and hashing fill a core and a disk: more at once makes each slower. */
  readonly atOnceMax: number
  /** Never rejects. */
  readonly work: (file: FoundFile) => Promise<void>
  readonly idle: () => void
}

export class PublishLanes {
  readonly #options: PublishLanesOptions
  readonly #waiting = new Map<string, FoundFile>()
  readonly #running = new Map<string, Promise<void>>()
  #isClosed = false

  constructor(options: PublishLanesOptions) {
    this.#options = options
  }

  get pendingCount(): number {
    return this.#waiting.size + this.#running.size
  }

  /** What waits is replaced: what a look no longer finds is not published. */
  replace(files: Iterable<FoundFile>): void {
    this.#waiting.clear()
    for (const file of files) this.#waiting.set(file.path, file)
    this.#fill()
  }

  /** Nothing is begun any more; resolves when nothing runs. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#waiting.clear()
    await Promise.all(this.#running.values())
  }

  #fill(): void {
    for (const [path, file] of this.#waiting) {
      if (this.#isClosed || this.#running.size >= this.#options.atOnceMax) return
      if (this.#running.has(path)) continue
      this.#waiting.delete(path)
      this.#run(file)
    }
  }

  #run(file: FoundFile): void {
    const work = this.#options.work(file).then(() => {
      this.#running.delete(file.path)
      // A look came meanwhile and found the file as it was: that is done now.
      const again = this.#waiting.get(file.path)
      if (again?.sizeBytes === file.sizeBytes && again.mtimeMs === file.mtimeMs) this.#waiting.delete(file.path)
      this.#fill()
      if (this.pendingCount === 0 && !this.#isClosed) this.#options.idle()
    })
    this.#running.set(file.path, work)
  }
}
