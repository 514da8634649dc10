// The songs that are played in turn: which one now, which one next, in order or shuffled.
// Not their playing (player.ts) and not what the peer fetches ahead of them.
// Invariant: the song that is being played stays in its place when the others are shuffled, put back or added to.

import type { LibrarySongs } from '@evastream/protocol/library-http'

export type Song = LibrarySongs['songs'][number]
export const REPEATS = ['off', 'all', 'one'] as const
export type Repeat = (typeof REPEATS)[number]

export interface PlayQueue {
  readonly songs: readonly Song[]
  /** Of the song that is played; -1 when there is none. */
  readonly index: number
  /** The order before the shuffle; undefined: not shuffled. */
  readonly unshuffled: readonly Song[] | undefined
}

export const EMPTY_QUEUE: PlayQueue = { songs: [], index: -1, unshuffled: undefined }

/** The index after the song that is played; undefined at the end. Who presses "next" goes on although one song is repeated. */
export function indexAfter({ songs, index }: PlayQueue, repeat: Repeat, isAsked: boolean): number | undefined {
  if (songs.length === 0) return undefined
  if (repeat === 'one' && !isAsked) return index
  if (index + 1 < songs.length) return index + 1
  return repeat === 'off' ? undefined : 0
}

export function withNext(queue: PlayQueue, song: Song): PlayQueue {
  const unshuffled = queue.unshuffled === undefined ? undefined : [...queue.unshuffled, song]
  return { songs: queue.songs.toSpliced(queue.index + 1, 0, song), index: Math.max(0, queue.index), unshuffled }
}

export function without(queue: PlayQueue, at: number): PlayQueue {
  if (at === queue.index) return queue
  const gone = queue.songs[at]
  const unshuffled = queue.unshuffled?.filter(song => song !== gone)
  return { songs: queue.songs.toSpliced(at, 1), index: at < queue.index ? queue.index - 1 : queue.index, unshuffled }
}

/** `chance`: a number from 0 to 1, each time another. */
export function shuffled(queue: PlayQueue, chance: () => number): PlayQueue {
  const now = queue.songs[queue.index]
  const others = queue.songs.filter((_, at) => at !== queue.index)
  for (let at = others.length - 1; at > 0; at--) {
    const other = Math.floor(chance() * (at + 1))
    const [a, b] = [others[at], others[other]]
    if (a !== undefined && b !== undefined) [others[at], others[other]] = [b, a]
  }
  return { songs: now === undefined ? others : [now, ...others], index: now === undefined ? -1 : 0, unshuffled: queue.songs }
}

export function unshuffled(queue: PlayQueue): PlayQueue {
  if (queue.unshuffled === undefined) return queue
  const now = queue.songs[queue.index]
  return { songs: queue.unshuffled, index: now === undefined ? -1 : queue.unshuffled.indexOf(now), unshuffled: undefined }
}
