// A .torrent file of one file with an HTTP origin and one tracker, as BEP 3 and BEP 19 describe it.
// Not a torrent library: it writes what a measurement needs and reads nothing.
// Invariant: the keys of each dictionary are in order, and the hashes are of 256 KiB each, the size of our chunks.

import { createHash } from 'node:crypto'

const HASHED_BYTES = 256 * 1024

type Bencodable = number | string | Uint8Array | readonly Bencodable[] | { readonly [key: string]: Bencodable }

export interface TorrentWish {
  readonly fileName: string
  readonly bytes: Uint8Array
  readonly announceUrl: string
  /** Where the file can be had over HTTP. */
  readonly originUrl: string
}

export function torrentFile({ fileName, bytes, announceUrl, originUrl }: TorrentWish): Uint8Array {
  const hashes: Uint8Array[] = []
  for (let from = 0; from < bytes.length; from += HASHED_BYTES)
    hashes.push(
      createHash('sha1')
        .update(bytes.subarray(from, from + HASHED_BYTES))
        .digest(),
    )
  const info = { length: bytes.length, name: fileName, 'piece length': HASHED_BYTES, pieces: Buffer.concat(hashes) }
  return bencode({ announce: announceUrl, info, 'url-list': [originUrl] })
}

export function bencode(value: Bencodable): Uint8Array {
  if (typeof value === 'number') return Buffer.from(`i${value}e`)
  if (typeof value === 'string') return bencode(Buffer.from(value))
  if (value instanceof Uint8Array) return Buffer.concat([Buffer.from(`${value.length}:`), value])
  if (Array.isArray(value)) return enclosed('l', value.map(bencode))
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return enclosed(
    'd',
    entries.flatMap(([key, each]) => [bencode(key), bencode(each)]),
  )
}

function enclosed(letter: 'l' | 'd', parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([Buffer.from(letter), ...parts, Buffer.from('e')])
}
