// What `evastream status` shows: a peer's figures and its songs, as lines that fit the terminal.
// Not the asking and not the screen: it is a function of two looks and a size.
// Invariant: no line is wider than the terminal, and no word of a stranger commands it.

import { styleText } from 'node:util'
import { printable } from '@evastream/service-kit/printable-text'
import Table from 'cli-table3'
import { byteText } from '../byte-text.ts'
import { NO_LINES_BETWEEN_ROWS } from '../table-style.ts'
import type { StatusLook } from './status-look.ts'

export interface FrameOptions {
  readonly columns: number
  /** Lines there are; undefined for as many as it takes. */
  readonly rows?: number | undefined
  readonly hasColour: boolean
}

type Song = StatusLook['songs'][number]

const COLUMNS_MIN = 60
const COLUMNS_MAX = 120
/** From here on there is room for sizes and longer bars. */
const COLUMNS_WIDE = 100
const LABEL_COLUMNS = 11
const BAR_CELLS = 10
const BAR_CELLS_WIDE = 20
const QUEUE_SHOWN_MAX = 3
/** The frame of the song table: its head and its two edges, and the line above it. */
const TABLE_LINES = 5

/** @param previous the look before, for what flows each second */
export function statusFrame(look: StatusLook, previous: StatusLook | undefined, options: FrameOptions): string[] {
  const columns = Math.max(COLUMNS_MIN, Math.min(COLUMNS_MAX, options.columns))
  const strong = (text: string): string => (options.hasColour ? styleText('bold', text, { validateStream: false }) : text)
  const { status, url } = look
  const facts = factsOf(look, previous).map(([label, text]) => [strong(label), text] as const)
  const title = `${status.peerId} at ${printable(url)}, sharing ${status.sharing}`.slice(0, columns)
  const head = [strong(title), ...borderless(facts, columns)]
  const room = options.rows === undefined ? Number.POSITIVE_INFINITY : Math.max(1, options.rows - head.length - TABLE_LINES - 1)
  return [...head, '', ...songLines(look, { columns, room })]
}

function factsOf(look: StatusLook, previous: StatusLook | undefined): (readonly [string, string])[] {
  const { received, sentBytes, wastedBytes, peers, cache } = look.status
  const flow = flowOf(look, previous)
  const fromPeers = share(received.peerBytes, received.peerBytes + received.originBytes)
  return [
    ['received', `${byteText(received.peerBytes)} from peers${fromPeers}, ${byteText(received.originBytes)} from the origin${flow.in}`],
    ['sent', `${byteText(sentBytes)}${flow.out}${wastedBytes === 0 ? '' : `; ${byteText(wastedBytes)} came in vain`}`],
    ['peers', `taking from ${peers.downloadingFrom}, giving to ${peers.uploadingTo}`],
    ['limits', limitWords(look)],
    ...capFact(look),
    [
      'cache',
      cache.limitBytes === 0
        ? byteText(cache.usedBytes)
        : `${bar(cache.usedBytes, cache.limitBytes)} ${byteText(cache.usedBytes)} of ${byteText(cache.limitBytes)}`,
    ],
    ['playing', playingWords(look)],
    ['next', nextWords(look)],
  ]
}

function flowOf({ at, status }: StatusLook, previous: StatusLook | undefined): { readonly in: string; readonly out: string } {
  if (previous === undefined || at <= previous.at) return { in: '', out: '' }
  const words = (now: number, before: number): string => {
    const perSecond = (1000 * (now - before)) / (at - previous.at)
    return perSecond >= 1 ? `, ${byteText(perSecond)}/s now` : ''
  }
  const allOf = ({ received }: StatusLook['status']): number => received.peerBytes + received.originBytes
  return { in: words(allOf(status), allOf(previous.status)), out: words(status.sentBytes, previous.status.sentBytes) }
}

function share(part: number, whole: number): string {
  return part === 0 || part === whole ? '' : ` (${Math.round((100 * part) / whole)} %)`
}

function limitWords({ status: { limits } }: StatusLook): string {
  const rate = (bytesPerSecond: number): string => (bytesPerSecond === 0 ? 'no limit' : `${byteText(bytesPerSecond)}/s`)
  return `down ${rate(limits.downloadBytesPerSecond)}, up ${rate(limits.uploadBytesPerSecond)}`
}

/** Absent without a cap. */
function capFact({ status: { uploadCap } }: StatusLook): (readonly [string, string])[] {
  if (uploadCap === undefined) return []
  const { usedBytes, limitBytes, resetsAt } = uploadCap
  const again = `${resetsAt.slice(0, 10)} ${resetsAt.slice(11, 16)} UTC`
  return [['cap', `${bar(usedBytes, limitBytes)} ${byteText(usedBytes)} of ${byteText(limitBytes)} given, anew at ${printable(again)}`]]
}

function playingWords({ status: { playing }, songs, plays }: StatusLook): string {
  if (playing.songIds.length === 0) return 'nothing'
  const titles = playing.songIds.map(songId => titleOf(songs, songId)).join(' and ')
  const stalls = plays
    .filter(({ songId, isOver }) => !isOver && playing.songIds.includes(songId))
    .reduce((sum, { stallCount }) => sum + stallCount, 0)
  const buffer = playing.bufferMs === undefined ? '' : `, ${(playing.bufferMs / 1000).toFixed(1)} s ahead`
  return `${titles}${buffer}${stalls === 0 ? '' : `, ${stalls} ${stalls === 1 ? 'stall' : 'stalls'}`}`
}

function nextWords({ queue, songs }: StatusLook): string {
  if (queue.length === 0) return 'nothing'
  const titles = queue.slice(0, QUEUE_SHOWN_MAX).map(songId => titleOf(songs, songId))
  const more = queue.length - titles.length
  return `${titles.join(', ')}${more === 0 ? '' : `, and ${more} more`}`
}

function songLines(
  { songs, status: { playing } }: StatusLook,
  { columns, room }: { readonly columns: number; readonly room: number },
): string[] {
  if (songs.length === 0) return ['No songs yet: play one, or start its download.']
  const rank = ({ songId, complete }: Song): number => (playing.songIds.includes(songId) ? 0 : complete ? 2 : 1)
  const sorted = [...songs].sort((one, other) => rank(one) - rank(other))
  const isWide = columns >= COLUMNS_WIDE
  const cells = isWide ? BAR_CELLS_WIDE : BAR_CELLS
  const widths = [16, cells + 13, ...(isWide ? [10] : []), 9]
  const titleWidth = columns - widths.reduce((sum, width) => sum + width + 1, 2)
  const table = new Table({
    head: ['song', 'title', 'chunks held', ...(isWide ? ['size'] : []), ''],
    colWidths: widths.toSpliced(1, 0, titleWidth),
    style: { head: [], border: [] },
    chars: NO_LINES_BETWEEN_ROWS,
  })
  for (const song of sorted.slice(0, room)) {
    const { songId, title, artist, chunksHeld, chunkCount, fileSize } = song
    const name = printable(artist === undefined ? title : `${title} - ${artist}`)
    const held = `${bar(chunksHeld, chunkCount, cells)} ${chunksHeld}/${chunkCount}`
    table.push([songId, name, held, ...(isWide ? [byteText(fileSize)] : []), stateOf(song, playing.songIds)])
  }
  const hidden = sorted.length - room
  return [...table.toString().split('\n'), ...(hidden > 0 ? [`… and ${hidden} more`] : [])]
}

function stateOf({ songId, pinned }: Song, playing: readonly string[]): string {
  if (playing.includes(songId)) return 'playing'
  return pinned ? 'pinned' : ''
}

function titleOf(songs: readonly Song[], songId: string): string {
  return printable(songs.find(song => song.songId === songId)?.title ?? songId)
}

/** Full only when it is all there, empty only when nothing is. */
function bar(part: number, whole: number, cells = BAR_CELLS): string {
  const full = part >= whole ? cells : Math.min(cells - 1, Math.max(part > 0 ? 1 : 0, Math.floor((cells * part) / whole)))
  return '█'.repeat(full) + '░'.repeat(cells - full)
}

function borderless(rows: readonly (readonly [string, string])[], columns: number): string[] {
  const blank = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'] as const
  const inner = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'] as const
  const table = new Table({
    colWidths: [LABEL_COLUMNS, columns - LABEL_COLUMNS],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 1 },
    chars: Object.fromEntries([...blank, ...inner].map(name => [name, ''])),
  })
  for (const row of rows) table.push([...row])
  return table
    .toString()
    .split('\n')
    .map(line => line.trimEnd())
}
