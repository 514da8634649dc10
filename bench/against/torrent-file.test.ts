// What is written for other systems: bencoding, and a torrent file's shape.

import { expect, test } from 'vitest'
import { bencode, torrentFile } from './torrent-file.ts'

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

test('bencode: numbers, strings, lists and dictionaries with their keys in order', () => {
  expect(text(bencode({ spam: ['a', 10], bar: -1, b: { z: '' } }))).toBe('d1:bd1:z0:e3:bari-1e4:spaml1:ai10eee')
})

test('a torrent file: one hash for each 256 KiB, the last one of what is left', () => {
  const bytes = new Uint8Array(256 * 1024 + 1)
  const torrent = text(torrentFile({ fileName: 's.bin', bytes, announceUrl: 'http://t/a', originUrl: 'http://o/s.bin' }))
  expect(torrent).toMatch(/^d8:announce10:http:\/\/t\/a4:infod6:lengthi262145e4:name5:s\.bin12:piece lengthi262144e6:pieces40:/)
  expect(torrent).toMatch(/ee?8:url-listl14:http:\/\/o\/s\.binee$/)
})
