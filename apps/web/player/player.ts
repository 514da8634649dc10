// The listener's player: one audio element, the queue, and what is remembered of both.
// Not what is shown of it, and not the bytes: the browser fetches /stream.
// Invariant: whoever wants to hear music hears it again as soon as the server answers again, from where it stopped.

import { streamPathOf } from '@evastream/protocol/stream-path'
import { computed, effect, signal } from '@preact/signals'
import {
  EMPTY_QUEUE,
  indexAfter,
  type PlayQueue,
  REPEATS,
  type Repeat,
  type Song,
  shuffled,
  unshuffled,
  withNext,
  without,
} from './play-queue.ts'

export interface PlayerDeps {
  readonly audio: HTMLAudioElement
  readonly storage: Pick<Storage, 'getItem' | 'setItem'>
  /** Tells the peer what comes next, so that it can fetch ahead. */
  orderAhead(songIds: readonly string[]): void
  after(delayMs: number, task: () => void): void
  chance(): number
}

export interface SpanOfTime {
  readonly startS: number
  readonly endS: number
}

const KEY = 'evastream.player'
const AHEAD_MAX = 50
const RETRIES_MS = [500, 1000, 2000, 4000]
/** Pressing "previous" later than this begins the song again. */
const RESTART_AFTER_S = 3
/** How often the place in the song is kept. */
const KEEP_EVERY_S = 2

interface Kept extends PlayQueue {
  readonly positionS: number
  readonly volume: number
  readonly isMuted: boolean
  readonly repeat: Repeat
}

export class Player {
  readonly #deps: PlayerDeps
  readonly queue = signal<PlayQueue>(EMPTY_QUEUE)
  readonly song = computed<Song | undefined>(() => this.queue.value.songs[this.queue.value.index])
  readonly isPlaying = signal(false)
  /** It should sound and does not yet. */
  readonly isWaiting = signal(false)
  readonly positionS = signal(0)
  readonly audioLengthS = signal(0)
  readonly buffered = signal<readonly SpanOfTime[]>([])
  readonly volume = signal(1)
  readonly isMuted = signal(false)
  readonly repeat = signal<Repeat>('off')
  readonly trouble = signal<string | undefined>(undefined)
  /** What the tags say until the audio itself has said it. */
  readonly lengthS = computed(() => this.audioLengthS.value || (this.song.value?.durationMs ?? 0) / 1000)
  #loaded: Song | undefined
  #retries = 0
  #keptPositionS = 0

  constructor(deps: PlayerDeps) {
    this.#deps = deps
    this.#recall()
    this.#listen()
    effect(() => {
      deps.audio.volume = this.volume.value
      deps.audio.muted = this.isMuted.value
    })
    effect(() => {
      const { songs, index } = this.queue.value
      deps.orderAhead(songs.slice(index + 1, index + 1 + AHEAD_MAX).map(({ songId }) => songId))
    })
    effect(() => this.#keep())
  }

  /** Plays these songs, beginning with one of them. */
  playAll(songs: readonly Song[], index: number): void {
    this.queue.value = { songs, index, unshuffled: undefined }
    this.#start(0)
  }

  /** These come after the song that is played; what was to come before them is forgotten. */
  follow(songs: readonly Song[]): void {
    const now = this.song.value
    if (now !== undefined) this.queue.value = { songs: [now, ...songs], index: 0, unshuffled: undefined }
  }

  playAt(index: number): void {
    this.queue.value = { ...this.queue.value, index }
    this.#start(0)
  }

  addNext(song: Song): void {
    const wasEmpty = this.song.value === undefined
    this.queue.value = withNext(this.queue.value, song)
    if (wasEmpty) this.positionS.value = 0
  }

  remove(index: number): void {
    this.queue.value = without(this.queue.value, index)
  }

  toggle(): void {
    if (this.isPlaying.value) this.pause()
    else this.play()
  }

  play(): void {
    if (this.song.value === undefined) return
    if (this.#loaded === this.song.value && this.#deps.audio.error === null) this.#sound()
    else this.#start(this.positionS.value)
  }

  pause(): void {
    this.isPlaying.value = false
    this.isWaiting.value = false
    this.#deps.audio.pause()
    this.#keep()
  }

  next(isAsked = true): void {
    const index = indexAfter(this.queue.value, this.repeat.value, isAsked)
    if (index === undefined) this.pause()
    else this.playAt(index)
  }

  previous(): void {
    const { index } = this.queue.value
    if (this.positionS.value > RESTART_AFTER_S || index <= 0) this.seekTo(0)
    else this.playAt(index - 1)
  }

  seekTo(positionS: number): void {
    const wanted = Math.min(Math.max(0, positionS), Math.max(0, this.lengthS.value - 0.25))
    this.positionS.value = wanted
    if (this.#loaded === this.song.value) this.#deps.audio.currentTime = wanted
    this.#keep()
  }

  seekBy(offsetS: number): void {
    this.seekTo(this.positionS.value + offsetS)
  }

  setVolume(volume: number): void {
    this.volume.value = Math.min(1, Math.max(0, volume))
    this.isMuted.value = false
  }

  toggleMuted(): void {
    this.isMuted.value = !this.isMuted.value
  }

  turnRepeat(): void {
    this.repeat.value = REPEATS[(REPEATS.indexOf(this.repeat.value) + 1) % REPEATS.length] ?? 'off'
  }

  toggleShuffle(): void {
    const { value } = this.queue
    this.queue.value = value.unshuffled === undefined ? shuffled(value, this.#deps.chance) : unshuffled(value)
  }

  #start(positionS: number): void {
    const { audio } = this.#deps
    const song = this.song.value
    if (song === undefined) return
    this.#loaded = song
    this.#retries = 0
    this.audioLengthS.value = 0
    this.positionS.value = positionS
    audio.src = streamPathOf({ songId: song.songId, mimeType: song.mimeType })
    if (positionS > 0) audio.currentTime = positionS
    this.#sound()
  }

  #sound(): void {
    this.isPlaying.value = true
    this.isWaiting.value = true
    this.trouble.value = undefined
    this.#deps.audio.play().catch((thrown: unknown) => {
      // Everything else is told as an event of the audio element, or is our own next song.
      if (thrown instanceof DOMException && thrown.name === 'NotAllowedError') this.pause()
    })
  }

  #listen(): void {
    const { audio } = this.#deps
    const on = (name: string, heard: () => void) => audio.addEventListener(name, heard)
    on('timeupdate', () => this.#moved())
    on('durationchange', () => {
      if (Number.isFinite(audio.duration)) this.audioLengthS.value = audio.duration
    })
    on('progress', () => this.#readBuffered())
    on('playing', () => {
      this.isWaiting.value = false
      this.#retries = 0
    })
    on('waiting', () => {
      this.isWaiting.value = this.isPlaying.value
    })
    on('pause', () => {
      if (!audio.ended && audio.error === null && !this.isWaiting.value) this.isPlaying.value = false
    })
    on('play', () => {
      this.isPlaying.value = true
    })
    on('ended', () => this.next(false))
    on('error', () => this.#failed())
  }

  #moved(): void {
    const { audio } = this.#deps
    if (audio.error !== null || (audio.currentTime === 0 && this.isWaiting.value)) return
    this.positionS.value = audio.currentTime
    this.#readBuffered()
    if (Math.abs(audio.currentTime - this.#keptPositionS) >= KEEP_EVERY_S) this.#keep()
  }

  #readBuffered(): void {
    const { buffered } = this.#deps.audio
    this.buffered.value = Array.from({ length: buffered.length }, (_, at) => ({ startS: buffered.start(at), endS: buffered.end(at) }))
  }

  /** The peer may be starting anew: it is asked again, from where the music stopped. */
  #failed(): void {
    if (!this.isPlaying.value) return
    const delayMs = RETRIES_MS[Math.min(this.#retries++, RETRIES_MS.length - 1)] ?? 0
    const song = this.song.value
    const retries = this.#retries
    this.isWaiting.value = true
    this.trouble.value = 'The music does not come. Trying again.'
    this.#deps.after(delayMs, () => {
      if (!this.isPlaying.value || this.song.value !== song || this.#retries !== retries) return
      this.#start(this.positionS.value)
      this.#retries = retries
      this.trouble.value = 'The music does not come. Trying again.'
    })
  }

  #keep(): void {
    const positionS = this.positionS.peek()
    this.#keptPositionS = positionS
    const [volume, isMuted, repeat] = [this.volume.value, this.isMuted.value, this.repeat.value]
    const kept: Kept = { ...this.queue.value, positionS, volume, isMuted, repeat }
    this.#deps.storage.setItem(KEY, JSON.stringify(kept))
  }

  #recall(): void {
    const kept = keptIn(this.#deps.storage.getItem(KEY))
    if (kept === undefined) return
    const { songs, index, unshuffled: before, positionS, volume, isMuted, repeat } = kept
    this.queue.value = { songs, index: Math.min(index, songs.length - 1), unshuffled: before }
    this.positionS.value = positionS
    this.volume.value = Math.min(1, Math.max(0, volume))
    this.isMuted.value = isMuted
    this.repeat.value = REPEATS.find(name => name === repeat) ?? 'off'
  }
}

/** What an earlier visit left; undefined when that is nothing, or of another version of the page. */
function keptIn(text: string | null): Kept | undefined {
  try {
    const kept = JSON.parse(text ?? 'null') as Kept | null
    const isWhole = kept !== null && Array.isArray(kept.songs) && Number.isInteger(kept.index) && Number.isFinite(kept.positionS)
    return isWhole && Number.isFinite(kept.volume) ? kept : undefined
  } catch {
    return undefined
  }
}
