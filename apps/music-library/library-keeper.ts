// Keeps a folder of music and the published songs in step: looks, compares with what is remembered, publishes and takes away.
// Not the looking (folder-scan.ts), the remembering (scan-record.ts) or the publishing (the song desk).
// Invariant: a song is taken away only when the last of its files is deleted beyond doubt (missing-files.ts) or was replaced;
// a file is read only when two sightings of it agree or it is old, and again only when its size or time changed.

import { join } from 'node:path'
import { type EvaError, toEvaError } from '@evastream/core/errors'
import { SECOND_MS } from '@evastream/core/units'
import type { Clock, Timers, WallClock } from '@evastream/service-kit/system-clock'
import { type FolderLook, type FoundFile, type SeenFolder, scanFolder } from './folder-scan.ts'
import { LookTimer } from './look-timer.ts'
import { MissingFiles } from './missing-files.ts'
import { PublishLanes } from './publish-lanes.ts'
import type { RememberedFile, ScanRecord } from './scan-record.ts'
import type { LibraryListener, LibraryState, SongDesk } from './song-desk.ts'

export interface LibraryKeeperDeps {
  readonly desk: SongDesk
  readonly record: ScanRecord
  readonly listener: LibraryListener
  readonly clock: Clock
  readonly wallClock: WallClock
  readonly timers: Timers
}

export interface LibraryKeeperOptions {
  readonly folder: string
  /** Absolute paths that are never looked into. */
  readonly ignored: readonly string[]
  /** How long a file must stay as it is before it is read. */
  readonly settleMs: number
  /** How long a file must be gone before its song is. */
  readonly graceMs: number
  /** How often the folder is looked through without any hint. */
  readonly intervalMs: number
}

const PUBLISHED_AT_ONCE_MAX = 2
/** A file that was last written so many times the settling time ago is read at first sight. */
const OLD_IN_SETTLE_TIMES = 5
/** A hint seldom comes alone: one look for all that come within this time. */
const HINT_DELAY_MS = SECOND_MS / 2
const REFUSALS_SHOWN_MAX = 200
/** No path of a folder begins so. */
const UPLOAD_PREFIX = '/upload/'
/** What is wrong with the file itself: it is not tried again before it changes. */
const REFUSING_CODES: ReadonlySet<string> = new Set([
  'EVA_INPUT_NOT_AUDIO',
  'EVA_INPUT_EMPTY',
  'EVA_INPUT_NOT_A_FILE',
  'EVA_MANIFEST_INVALID',
  'EVA_REQUEST_TOO_LARGE',
])
/** It changed or went while it was read: the next look decides. */
const PASSING_CODES: ReadonlySet<string> = new Set(['EVA_INPUT_CHANGED', 'EVA_INPUT_MISSING', 'EVA_CANCELLED'])

interface Sighting {
  readonly file: FoundFile
  readonly at: number
}

export class LibraryKeeper {
  readonly #deps: LibraryKeeperDeps
  readonly #options: LibraryKeeperOptions
  readonly #missing: MissingFiles
  readonly #lanes: PublishLanes
  readonly #next: LookTimer
  readonly #stop = new AbortController()
  readonly #sightings = new Map<string, Sighting>()
  /** Told once each, until they change: files that could not be published, and under '' what stops the work. */
  readonly #troubles = new Map<string, string>()
  /** Told once each too: what the last look found and could not look at. */
  #unreadable: ReadonlyMap<string, string> = new Map()
  /** Undefined until the first look. */
  #playable: Set<string> | undefined
  #devices: ReadonlyMap<string, number> = new Map()
  #fileCount = 0
  #awayReason: string | undefined
  #looking: Promise<void> | undefined
  #isLookWanted = false
  /** Files were found whose song is not known yet: one of them may be a missing one under another name. */
  #isUndecided = false
  #cancelInterval: () => void = () => undefined

  constructor(deps: LibraryKeeperDeps, options: LibraryKeeperOptions) {
    this.#deps = deps
    this.#options = options
    this.#missing = new MissingFiles(deps, options)
    this.#next = new LookTimer({ ...deps, due: () => this.look() })
    this.#lanes = new PublishLanes({
      atOnceMax: PUBLISHED_AT_ONCE_MAX,
      work: file => this.#publish(file),
      idle: () => this.#finished(),
    })
  }

  /** Looks through the folder now and from then on; resolves after the first look, while songs are still being published. */
  async start(): Promise<void> {
    this.#cancelInterval = this.#deps.timers.every(this.#options.intervalMs, () => this.look())
    this.look()
    await this.#looking
  }

  /** Something may have changed. */
  hint(): void {
    this.#next.wish(HINT_DELAY_MS)
  }

  state(): LibraryState {
    const { record } = this.#deps
    const refused = [...record.files()].flatMap(({ path, state, reason = '' }) => (state === 'refused' ? [{ path, reason }] : []))
    const troubles = [...this.#unreadable, ...this.#troubles].map(([path, reason]) => ({ path, reason }))
    return {
      folder: this.#options.folder,
      ...(this.#awayReason === undefined ? {} : { awayReason: this.#awayReason }),
      isBusy: this.#looking !== undefined || this.#lanes.pendingCount > 0,
      fileCount: this.#fileCount,
      songCount: record.songCount,
      pendingCount: this.#lanes.pendingCount,
      missingCount: this.#missing.count,
      refused: [...refused, ...troubles].slice(0, REFUSALS_SHOWN_MAX),
    }
  }

  /** Takes a song away for good: its files stay and are not published again before they change. @returns whether there was such a song */
  async hide(songId: string): Promise<boolean> {
    const { record, desk } = this.#deps
    let isFound = false
    for (const path of record.pathsOf(songId)) {
      const file = record.get(path)
      isFound ||= file?.state !== 'hidden'
      if (file?.state === 'uploaded') record.delete(path)
      else if (file !== undefined) record.put({ ...file, state: 'hidden' })
    }
    this.#playable?.delete(songId)
    return (await desk.unpublish(songId)) || isFound
  }

  /** A song that came by another way than the folder: it stays when a file of the folder that holds it goes. */
  adopt(songId: string): void {
    this.#playable?.add(songId)
    this.#deps.record.put({ path: `${UPLOAD_PREFIX}${songId}`, sizeBytes: 0, mtimeMs: 0, device: 0, state: 'uploaded', songId })
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#cancelInterval()
    this.#next.cancel()
    await this.#looking
    await this.#lanes.close()
  }

  /** One look at a time; a wish that comes meanwhile is one more look after it. */
  look(): void {
    if (this.#stop.signal.aborted) return
    this.#isLookWanted = true
    this.#looking ??= this.#lookWhileWanted().finally(() => {
      this.#looking = undefined
      if (this.#lanes.pendingCount === 0) this.#settled()
    })
  }

  async #lookWhileWanted(): Promise<void> {
    while (this.#isLookWanted && !this.#stop.signal.aborted) {
      this.#isLookWanted = false
      try {
        this.#playable ??= new Set(await this.#deps.desk.listPlayable(this.#stop.signal))
        await this.#compare(await scanFolder(this.#options))
      } catch (thrown) {
        // The services or the disk: the interval brings the next look.
        this.#trouble('', toEvaError(thrown))
      }
    }
  }

  async #compare(folder: FolderLook): Promise<void> {
    if (folder.kind === 'away') {
      this.#lanes.replace([])
      if (this.#awayReason !== folder.reason) this.#deps.listener.away('', folder.reason)
      this.#awayReason = folder.reason
      return
    }
    this.#awayReason = undefined
    this.#noteLook(folder)
    this.#followHidden(folder)
    const changed = [...folder.files.values()].filter(file => this.#isChanged(file))
    this.#isUndecided = changed.some(({ path }) => !this.#troubles.has(path))
    this.#lanes.replace(changed.filter(file => this.#isSettled(file)))
    this.#missing.note(
      [...this.#deps.record.files()].filter(({ state }) => state !== 'uploaded'),
      folder,
    )
    if (this.#isUndecided) return
    await this.#forgetDeleted()
    const dueInMs = this.#missing.nextInMs()
    if (dueInMs !== undefined) this.#next.wish(dueInMs)
  }

  #noteLook({ files, directories, unreadable }: SeenFolder): void {
    for (const [path, reason] of unreadable) if (this.#unreadable.get(path) !== reason) this.#deps.listener.away(path, reason)
    this.#unreadable = unreadable
    this.#devices = directories
    this.#fileCount = files.size
    for (const notes of [this.#troubles, this.#sightings]) for (const path of notes.keys()) if (!files.has(path)) notes.delete(path)
  }

  /** A file whose song the operator deleted may be moved: known by its size and time, it stays deleted. */
  #followHidden({ files }: SeenFolder): void {
    const { record } = this.#deps
    const gone = [...record.files()].filter(({ state, path }) => state === 'hidden' && !files.has(path))
    if (gone.length === 0) return
    const goneByLook = new Map(gone.map(file => [`${file.sizeBytes} ${file.mtimeMs}`, file]))
    for (const { path, sizeBytes, mtimeMs } of files.values()) {
      const known = goneByLook.get(`${sizeBytes} ${mtimeMs}`)
      if (known === undefined || record.get(path) !== undefined) continue
      record.put({ ...known, path, device: this.#deviceOf(path) })
      record.delete(known.path)
    }
  }

  #isChanged(file: FoundFile): boolean {
    const known = this.#deps.record.get(file.path)
    if (known === undefined || known.sizeBytes !== file.sizeBytes || known.mtimeMs !== file.mtimeMs) return true
    const device = this.#deviceOf(file.path)
    if (known.device !== device) this.#deps.record.put({ ...known, device })
    return known.state === 'published' && this.#playable?.has(known.songId ?? '') === false
  }

  #isSettled(file: FoundFile): boolean {
    const { clock, wallClock } = this.#deps
    const { settleMs } = this.#options
    const before = this.#sightings.get(file.path)
    const isSame = before?.file.sizeBytes === file.sizeBytes && before.file.mtimeMs === file.mtimeMs
    if (isSame && clock.now() - before.at >= settleMs) return true
    if (before === undefined && wallClock.epochMs() - file.mtimeMs >= settleMs * OLD_IN_SETTLE_TIMES) return true
    if (!isSame) this.#sightings.set(file.path, { file, at: clock.now() })
    this.#next.wish(settleMs)
    return false
  }

  async #publish(file: FoundFile): Promise<void> {
    const { desk, record, listener } = this.#deps
    const { folder } = this.#options
    const before = record.get(file.path)
    try {
      const song = await desk.publish(join(folder, file.path), this.#stop.signal)
      this.#playable?.add(song.songId)
      if (before?.songId !== undefined && before.songId !== song.songId) await this.#release(before)
      this.#put(file, { state: 'published', songId: song.songId })
      listener.published(song, file.path)
    } catch (thrown) {
      this.#fail(file, toEvaError(thrown))
    }
  }

  /** Never throws: on a full disk not even a refusal can be remembered. */
  #fail(file: FoundFile, error: EvaError): void {
    try {
      this.#refuse(file, error)
    } catch (thrown) {
      this.#stopWork(toEvaError(thrown))
    }
  }

  #refuse(file: FoundFile, error: EvaError): void {
    if (PASSING_CODES.has(error.code)) {
      this.#next.wish(this.#options.settleMs)
      return
    }
    if (error.blames !== 'caller' && error.retryable) {
      this.#stopWork(error)
      return
    }
    if (!REFUSING_CODES.has(error.code)) {
      this.#trouble(file.path, error)
      return
    }
    this.#put(file, { state: 'refused', reason: error.message })
    this.#deps.listener.refused(file.path, error.message)
  }

  /** The disk is full, or a service is away: with the next file it would be the same. */
  #stopWork(error: EvaError): void {
    this.#lanes.replace([])
    this.#trouble('', error)
  }

  #put({ path, sizeBytes, mtimeMs }: FoundFile, outcome: Pick<RememberedFile, 'state' | 'songId' | 'reason'>): void {
    this.#sightings.delete(path)
    this.#troubles.delete(path)
    this.#deps.record.put({ path, sizeBytes, mtimeMs, device: this.#deviceOf(path), ...outcome })
  }

  async #forgetDeleted(): Promise<void> {
    const { record } = this.#deps
    for (const path of this.#missing.overdue()) {
      const file = record.get(path)
      if (file?.state === 'published') await this.#release(file)
      record.delete(path)
      this.#missing.forget(path)
    }
  }

  /**
   * Its song goes when nothing else stands for it. The song first and then what is remembered of its file: whatever stops us
   * between the two, the next look does it again.
   */
  async #release({ path, songId = '' }: RememberedFile): Promise<void> {
    const { record, desk, listener } = this.#deps
    if (record.pathsOf(songId).some(other => other !== path)) return
    this.#playable?.delete(songId)
    await desk.unpublish(songId)
    listener.removed(songId, path)
  }

  #deviceOf(path: string): number {
    const directory = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
    return this.#devices.get(directory) ?? 0
  }

  #trouble(path: string, error: EvaError): void {
    const reason = error.message
    if (this.#troubles.get(path) === reason || this.#stop.signal.aborted) return
    this.#troubles.set(path, reason)
    this.#deps.listener.refused(path, `${reason} ${error.nextStep}`)
  }

  #finished(): void {
    this.#settled()
    if (this.#isUndecided && !this.#troubles.has('')) this.hint()
  }

  #settled(): void {
    if (!this.#stop.signal.aborted) this.#deps.listener.settled(this.state())
  }
}
