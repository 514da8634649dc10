// What a play came to, song by song, and the one line for people about each: how many bytes came from whom, and how it sounded.
// Not the counting: the peer does that (`GET /api/plays`), and `evastream play` only picks the plays that were its own.
// Invariant: the shares of a line add up to 100, and no share that is there is told as none.

import type { Play } from '@evastream/protocol/peer-http'
import { printable } from '@evastream/service-kit/printable-text'
import { byteText } from '../byte-text.ts'

export type SongPlay = Omit<Play, 'isOver' | 'startedAtMs'> & { readonly title: string }

/** The plays that were under way or over when ours began. */
export interface EarlierPlays {
  readonly newestStartMs: number
  readonly openSongIds: ReadonlySet<string>
}

export function earlierPlaysOf(plays: readonly Play[]): EarlierPlays {
  return {
    newestStartMs: Math.max(Number.NEGATIVE_INFINITY, ...plays.map(({ startedAtMs }) => startedAtMs)),
    openSongIds: new Set(plays.filter(({ isOver }) => !isOver).map(({ songId }) => songId)),
  }
}

/** Of the songs wanted, in that order; a song that a player opened anew after a pause is one. */
export function summarise(
  plays: readonly Play[],
  { songs, earlier }: { readonly songs: ReadonlyMap<string, string>; readonly earlier: EarlierPlays },
): SongPlay[] {
  const wasOpen = ({ songId, startedAtMs }: Play): boolean =>
    earlier.openSongIds.has(songId) && !plays.some(other => other.songId === songId && other.startedAtMs > startedAtMs)
  const own = plays.filter(play => play.startedAtMs > earlier.newestStartMs || wasOpen(play))
  return [...songs].flatMap(([songId, title]) => {
    const [first, ...others] = own.filter(play => play.songId === songId).sort((one, other) => one.startedAtMs - other.startedAtMs)
    return first === undefined ? [] : [others.reduce(joined, songPlayOf(first, title))]
  })
}

/** `Nocturne: 4.00 MB, 71 % from 3 listeners, 29 % from the origin. First sound after 0.12 s, no stalls.` */
export function summaryLine(play: SongPlay): string {
  const { title, deliveredBytes, startupMs } = play
  if (deliveredBytes === 0) return `${printable(title)}: nothing was played.`
  const sound =
    startupMs === undefined ? 'No sound yet' : startupMs < 10 ? 'First sound at once' : `First sound after ${seconds(startupMs)}`
  return `${printable(title)}: ${byteText(deliveredBytes)}, ${sourceWords(play)}. ${sound}, ${stallWords(play)}.`
}

function songPlayOf({ isOver: _isOver, startedAtMs: _startedAtMs, ...play }: Play, title: string): SongPlay {
  return { ...play, title }
}

function joined(sum: SongPlay, play: Play): SongPlay {
  return {
    ...sum,
    deliveredBytes: sum.deliveredBytes + play.deliveredBytes,
    originBytes: sum.originBytes + play.originBytes,
    peerBytes: sum.peerBytes + play.peerBytes,
    cacheBytes: sum.cacheBytes + play.cacheBytes,
    peerCount: Math.max(sum.peerCount, play.peerCount),
    stallCount: sum.stallCount + play.stallCount,
    stalledMs: sum.stalledMs + play.stalledMs,
  }
}

function sourceWords({ peerBytes, originBytes, cacheBytes, peerCount }: SongPlay): string {
  const listeners = peerCount === 1 ? '1 listener' : `${peerCount} listeners`
  const sources = [
    { bytes: peerBytes, words: `from ${listeners}` },
    { bytes: originBytes, words: 'from the origin' },
    { bytes: cacheBytes, words: 'from your own cache' },
  ].filter(({ bytes }) => bytes > 0)
  if (sources.length <= 1) return sources.map(({ words }) => `all ${words}`).join('') || 'from nowhere'
  const shares = wholeShares(sources.map(({ bytes }) => bytes))
  return sources.map(({ words }, index) => `${shares[index]} % ${words}`).join(', ')
}

/** Percentages that add up to 100; a share too small to round to one is one all the same. */
export function wholeShares(parts: readonly number[]): number[] {
  const sum = parts.reduce((total, part) => total + part, 0)
  const shares = parts.map(part => Math.max(part > 0 ? 1 : 0, Math.round((100 * part) / sum)))
  const largest = shares.indexOf(Math.max(...shares))
  const excess = shares.reduce((total, share) => total + share, 0) - 100
  return shares.map((share, index) => (index === largest ? share - excess : share))
}

function stallWords({ stallCount, stalledMs }: SongPlay): string {
  if (stallCount === 0) return 'no stalls'
  return stallCount === 1 ? `1 stall of ${seconds(stalledMs)}` : `${stallCount} stalls of ${seconds(stalledMs)} together`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
}
