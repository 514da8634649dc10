// One look through a folder and all below it: which audio files are there, and which directories could be read.
// Not a watch, and not a decision: who compares two looks decides.
// Invariant: a directory that could not be read is told, so that nobody takes its songs for deleted.

import type { Dirent, Stats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@evastream/service-kit/data-directories'
import { isAudioName, isHiddenName } from './audio-name.ts'

export interface FoundFile {
  /** Below the folder. */
  readonly path: string
  readonly sizeBytes: number
  /** When it was last written, since 1970. */
  readonly mtimeMs: number
}

export interface SeenFolder {
  readonly kind: 'seen'
  readonly files: ReadonlyMap<string, FoundFile>
  /** Those that were read, below the folder ('' is itself), each with the number of its volume. */
  readonly directories: ReadonlyMap<string, number>
  /** Those that were not, each with the system's reason. */
  readonly unreadable: ReadonlyMap<string, string>
}

/** `away`: it cannot be read or has nothing in it at all, as a volume that is not mounted. */
export type FolderLook = SeenFolder | { readonly kind: 'away'; readonly reason: string }

export interface ScanOptions {
  readonly folder: string
  /** Absolute paths that are never looked into: our own data, should it lie there. */
  readonly ignored: readonly string[]
}

export async function scanFolder(options: ScanOptions): Promise<FolderLook> {
  const scan = new Scan(options)
  const reason = await scan.run()
  return reason === undefined ? scan : { kind: 'away', reason }
}

class Scan implements SeenFolder {
  readonly kind = 'seen'
  readonly files = new Map<string, FoundFile>()
  readonly directories = new Map<string, number>()
  readonly unreadable = new Map<string, string>()
  readonly #options: ScanOptions
  readonly #visited = new Set<string>()
  readonly #open: string[] = ['']

  constructor(options: ScanOptions) {
    this.#options = options
  }

  /** Why there is nothing to be seen; undefined when there is. */
  async run(): Promise<string | undefined> {
    for (let directory = this.#open.pop(); directory !== undefined; directory = this.#open.pop()) await this.#read(directory)
    return this.unreadable.get('')
  }

  async #read(directory: string): Promise<void> {
    try {
      const path = join(this.#options.folder, directory)
      const facts = await stat(path)
      if (!this.#isNew(facts)) return
      const entries = (await readdir(path, { withFileTypes: true })).filter(({ name }) => !isHiddenName(name))
      if (directory === '' && entries.length === 0) this.unreadable.set('', 'it is empty')
      this.directories.set(directory, facts.dev)
      await Promise.all(entries.map(entry => this.#meet(entry, join(directory, entry.name))))
    } catch (cause) {
      this.unreadable.set(directory, errnoOf(cause))
    }
  }

  async #meet(entry: Dirent, path: string): Promise<void> {
    if (this.#options.ignored.includes(join(this.#options.folder, path))) return
    if (entry.isDirectory()) this.#open.push(path)
    else if (entry.isSymbolicLink() || (entry.isFile() && isAudioName(entry.name))) await this.#inspect(path)
  }

  /** A file, or whatever a link leads to. */
  async #inspect(path: string): Promise<void> {
    const facts = await stat(join(this.#options.folder, path)).catch(ignoreVanished)
    if (facts?.isDirectory() === true) this.#open.push(path)
    else if (facts?.isFile() === true && isAudioName(path)) this.files.set(path, { path, sizeBytes: facts.size, mtimeMs: facts.mtimeMs })
  }

  /** Links may lead in circles: each directory is read once. */
  #isNew({ dev, ino }: Stats): boolean {
    const identity = `${dev}:${ino}`
    if (this.#visited.has(identity)) return false
    this.#visited.add(identity)
    return true
  }
}

/** Deleted since it was listed, a link to nothing, or links in a circle. */
function ignoreVanished(cause: unknown): undefined {
  const reason = errnoOf(cause)
  if (reason !== 'ENOENT' && reason !== 'ELOOP' && reason !== 'ENOTDIR') throw cause
  return undefined
}
