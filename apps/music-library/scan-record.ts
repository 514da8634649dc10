// What is remembered of each file of the folder between two looks and two starts: its size, its time, and what became of it.
// Not the songs: the metadata service has those. Lost, it costs reading every file once more, and the same songs come out.
// Invariant: what was put survives the process's death at any moment; one process at a time, for it lies in a directory that is locked.

import { openSqliteFile, type SqliteFile } from '@evastream/service-kit/sqlite-file'

/**
 * `published`: its song is playable. `refused`: it is no song. `hidden`: the operator deleted its song and left the file.
 * `uploaded`: a song that came by another way, so that no file of the folder alone stands for it.
 */
type FileState = 'published' | 'refused' | 'hidden' | 'uploaded'

export interface RememberedFile {
  readonly path: string
  readonly sizeBytes: number
  readonly mtimeMs: number
  /** The number of the volume on which its directory was. */
  readonly device: number
  readonly state: FileState
  /** Of a published or hidden one. */
  readonly songId?: string
  /** Of a refused one. */
  readonly reason?: string
}

interface Row {
  readonly path: string
  readonly size_bytes: number
  readonly mtime_ms: number
  readonly device: number
  readonly state: FileState
  readonly song_id: string | null
  readonly reason: string | null
}

const TABLE = `create table if not exists scanned_file (
  path text primary key, size_bytes integer not null, mtime_ms real not null, device integer not null,
  state text not null, song_id text, reason text
) without rowid`
const PUT = `insert or replace into scanned_file (path, size_bytes, mtime_ms, device, state, song_id, reason) values (?, ?, ?, ?, ?, ?, ?)`
const BUSY_TIMEOUT_MS = 5_000

export class ScanRecord {
  readonly #database: SqliteFile
  readonly #files = new Map<string, RememberedFile>()
  /** Copies of one file are one song. */
  readonly #pathsOfSong = new Map<string, Set<string>>()

  private constructor(database: SqliteFile) {
    this.#database = database
    for (const row of database.prepare('select * from scanned_file').all([]) as Row[]) this.#remember(fileOf(row))
  }

  /** @throws EvaError `EVA_STORAGE_FAILED` for a file that is none of ours */
  static async open(path: string): Promise<ScanRecord> {
    const database = await openSqliteFile(path)
    try {
      database.run(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}; pragma journal_mode = wal; pragma synchronous = normal`)
      database.run(TABLE)
      return new ScanRecord(database)
    } catch (thrown) {
      database.close()
      throw thrown
    }
  }

  get(path: string): RememberedFile | undefined {
    return this.#files.get(path)
  }

  files(): Iterable<RememberedFile> {
    return this.#files.values()
  }

  /** What stands for this song: files of the folder, and its upload. */
  pathsOf(songId: string): readonly string[] {
    return [...(this.#pathsOfSong.get(songId) ?? [])]
  }

  get songCount(): number {
    return this.#pathsOfSong.size
  }

  put(file: RememberedFile): void {
    const { path, sizeBytes, mtimeMs, device, state, songId, reason } = file
    this.#database.prepare(PUT).run([path, sizeBytes, mtimeMs, device, state, songId ?? null, reason ?? null])
    this.#forget(path)
    this.#remember(file)
  }

  delete(path: string): void {
    this.#database.prepare('delete from scanned_file where path = ?').run([path])
    this.#forget(path)
  }

  close(): void {
    this.#database.close()
  }

  #remember(file: RememberedFile): void {
    this.#files.set(file.path, file)
    if (file.songId === undefined || file.state === 'hidden') return
    const paths = this.#pathsOfSong.get(file.songId) ?? new Set()
    this.#pathsOfSong.set(file.songId, paths.add(file.path))
  }

  #forget(path: string): void {
    const { songId = '' } = this.#files.get(path) ?? {}
    this.#files.delete(path)
    const paths = this.#pathsOfSong.get(songId)
    paths?.delete(path)
    if (paths?.size === 0) this.#pathsOfSong.delete(songId)
  }
}

function fileOf({ path, size_bytes: sizeBytes, mtime_ms: mtimeMs, device, state, song_id: songId, reason }: Row): RememberedFile {
  return {
    path,
    sizeBytes,
    mtimeMs,
    device,
    state,
    ...(songId === null ? {} : { songId }),
    ...(reason === null ? {} : { reason }),
  }
}
