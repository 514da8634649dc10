// Songs with tags and covers for a page to show: real music, another title each.
// Not a library of its own: all of them sound like the demo song.
// Invariant: the same number gives the same bytes.

import { readFile } from 'node:fs/promises'
import { crc32, deflateSync } from 'node:zlib'
import { ID3Writer } from 'browser-id3-writer'
import { DEMO_SONG_PATH } from '../apps/evastream/repository-path.ts'

export interface TaggedSong {
  readonly songId: string
  readonly title: string
  readonly artist: string
  readonly album: string
}

const ALBUMS = [
  ['Harbour Lights', 'Mira Voss', ['Slow Tide', 'Lantern', 'Salt and Iron', 'Leaving Pier Nine']],
  ['Paper Planets', 'The Quiet Engines', ['Orbit', 'Folded Moon', 'Perihelion']],
  ['Winter Garden', 'Ines Oduya', ['Glasshouse', 'First Frost', 'Evergreen']],
  ['Night Bus', 'Kasimir', ['Last Stop', 'Window Seat']],
  ['Field Recordings', 'Anna & the Larks', ['Meadow', 'Rain on Tin']],
  ['Small Hours', 'Mira Voss', ['Blue Kitchen', 'Two Cups']],
] as const

export function taggedSongs(): TaggedSong[] {
  return ALBUMS.flatMap(([album, artist, titles]) =>
    titles.map(title => ({ songId: title.toLowerCase().replaceAll(' ', '-'), title, artist, album })),
  )
}

/** The demo song under another name. */
export async function taggedMp3({ title, artist, album }: TaggedSong): Promise<Uint8Array> {
  const bytes = await readFile(DEMO_SONG_PATH)
  const number = ALBUMS.findIndex(([name]) => name === album)
  const writer = new ID3Writer(new Uint8Array(bytes.subarray(bytes.toString('latin1', 0, 3) === 'ID3' ? tagLengthOf(bytes) : 0)).buffer)
  const picture = coverPng(Math.max(0, number))
  writer
    .setFrame('TIT2', title)
    .setFrame('TPE1', [artist])
    .setFrame('TALB', album)
    .setFrame('APIC', { type: 3, data: new Uint8Array(picture).buffer, description: '', useUnicodeEncoding: false })
  return new Uint8Array(writer.addTag())
}

function tagLengthOf(bytes: Buffer): number {
  return 10 + bytes.subarray(6, 10).reduce((sum, byte) => sum * 128 + byte, 0)
}

const SIZE = 320
/** Ground and ink of each cover. */
const PALETTE = [
  [0x12, 0x33, 0x4f, 0xf2, 0xa6, 0x5a],
  [0x2b, 0x1d, 0x4a, 0xd9, 0xb3, 0xff],
  [0x0f, 0x3d, 0x2e, 0xe8, 0xf1, 0xd4],
  [0x1b, 0x1b, 0x22, 0xe8, 0x5d, 0x4a],
  [0x6b, 0x7f, 0x3a, 0xf7, 0xe7, 0xb4],
  [0x1f, 0x4a, 0x5e, 0x8f, 0xd8, 0xe0],
] as const

/** A circle over a horizon, in two colours. */
function coverPng(number: number): Uint8Array {
  const colours = PALETTE[number % PALETTE.length] ?? PALETTE[0]
  const rows = Array.from({ length: SIZE }, (_, y) => {
    const row = Buffer.alloc(1 + SIZE * 3)
    for (let x = 0; x < SIZE; x++) {
      const isInk = number % 2 === 0 ? Math.hypot(x - 160, y - 130 - 10 * number) < 78 : (x + y * (number - 2)) % 64 < 22
      const shade = (isInk ? 1.05 : 1) - 0.45 * (y / SIZE)
      for (let channel = 0; channel < 3; channel++)
        row[1 + 3 * x + channel] = Math.max(0, Math.min(255, Math.round((colours[channel + (isInk ? 3 : 0)] ?? 0) * shade)))
    }
    return row
  })
  const header = Buffer.alloc(13)
  header.writeUInt32BE(SIZE, 0)
  header.writeUInt32BE(SIZE, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([signature, part('IHDR', header), part('IDAT', deflateSync(Buffer.concat(rows))), part('IEND', Buffer.alloc(0))])
}

function part(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data])
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(data.length, 0)
  frame.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)])
}
