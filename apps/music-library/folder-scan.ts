// One look through a folder and all below it: which audio files are there, and which directories could be read.
// Not a watch, and not a decision: who compares two looks decides.
// Invariant: what is there and could not be looked at is told, so that nobody takes its songs for deleted; it hides nothing beside it.

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
  /** Directories, and links and files, that could not be looked at, each with the reason. */
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

/** What the system's bytes of a name become that are no UTF-8; by such a name nothing can be opened. */
const REPLACEMENT_CHARACTER = '\ufffd'

class Scan implements SeenFolder {
  readonly kind = 'seen'
  readonly files = new Map<string, FoundFile>()
  readonly directories = new Map<string, number>()
  readonly unreadable = new Map<string, string>()
  readonly #options: ScanOptions
  readonly #visited = new Set<string>()
  readonly #open: string[] = ['']
  /** Directories behind links: read last, so that a file goes by its own path where it has one. */
  readonly #linked: string[] = []

  constructor(options: ScanOptions) {
    this.#options = options
  }

  /** Why there is nothing to be seen; undefined when there is. */
  async run(): Promise<string | undefined> {
    for (let directory = this.#next(); directory !== undefined; directory = this.#next()) await this.#read(directory)
    return this.unreadable.get('')
  }

  #next(): string | undefined {
    return this.#open.pop() ?? this.#linked.sort().shift()
  }

  async #read(directory: string): Promise<void> {
    try {
      const path = join(this.#options.folder, directory)
      const facts = await stat(path)
      if (!this.#isNew(facts)) return
      const entries = (await readdir(path, { withFileTypes: true })).filter(({ name }) => !this.#isPassedOver(path, name))
      if (directory === '' && entries.length === 0) this.unreadable.set('', 'it is empty')
      this.directories.set(directory, facts.dev)
      await Promise.all(entries.map(entry => this.#meet(entry, join(directory, entry.name))))
    } catch (cause) {
      this.unreadable.set(directory, errnoOf(cause))
    }
  }

  #isPassedOver(directoryPath: string, name: string): boolean {
    return isHiddenName(name) || this.#options.ignored.includes(join(directoryPath, name))
  }

  async #meet(entry: Dirent, path: string): Promise<void> {
    if (entry.isDirectory()) this.#open.push(path)
    else if (entry.isSymbolicLink() || (entry.isFile() && isAudioName(entry.name))) await this.#inspect(entry, path)
  }

  /** A file, or whatever a link leads to. */
  async #inspect(entry: Dirent, path: string): Promise<void> {
    try {
      const facts = await stat(join(this.#options.folder, path))
      if (facts.isDirectory()) this.#linked.push(path)
      else if (facts.isFile() && isAudioName(entry.name)) this.files.set(path, { path, sizeBytes: facts.size, mtimeMs: facts.mtimeMs })
    } catch (cause) {
      const reason = whyUnseen(entry, errnoOf(cause))
      if (reason !== undefined) this.unreadable.set(path, reason)
    }
  }

  /** Links may lead in circles: each directory is read once. */
  #isNew({ dev, ino }: Stats): boolean {
    const identity = `${dev}:${ino}`
    if (this.#visited.has(identity)) return false
    this.#visited.add(identity)
    return true
  }
}

/** For people; undefined for a file that was deleted since it was listed. */
function whyUnseen(entry: Dirent, reason: string): string | undefined {
  if (entry.name.includes(REPLACEMENT_CHARACTER)) return 'its name is not UTF-8'
  if (entry.isSymbolicLink()) return reason === 'ENOENT' || reason === 'ELOOP' ? 'it is a link that leads nowhere' : reason
  return reason === 'ENOENT' ? undefined : reason
}
