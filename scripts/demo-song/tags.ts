// What the file says about itself: ID3v2.3 tags and the cover picture, put in front of the frames.
// The MP3 frames are passed through untouched.
// Invariant: the tags name the licence, so that a copy of this file alone still says it is free.

import { ID3Writer } from 'browser-id3-writer'

const frontCover = 3

export const songTags = {
  title: 'One Copy Is Enough',
  artist: 'The Swarm',
  album: 'EvaStream Demo',
  year: 2026,
  genre: 'Ambient',
  comment:
    'Composed, played and encoded by a program in the EvaStream repository (scripts/demo-song). ' +
    'Free to use for any purpose: CC0 1.0, https://creativecommons.org/publicdomain/zero/1.0/',
} as const

/** Puts tags and cover in front of MP3 frames. */
export function tagMp3(frames: Buffer, coverPng: Buffer): Buffer {
  const writer = new ID3Writer(exactBytes(frames))
  writer
    .setFrame('TIT2', songTags.title)
    .setFrame('TPE1', [songTags.artist])
    .setFrame('TALB', songTags.album)
    .setFrame('TYER', songTags.year)
    .setFrame('TCON', [songTags.genre])
    .setFrame('TBPM', 80)
    .setFrame('TCOP', '2026, no rights reserved (CC0 1.0)')
    .setFrame('COMM', { description: '', text: songTags.comment, language: 'eng' })
    .setFrame('APIC', { type: frontCover, data: exactBytes(coverPng), description: 'Cover' })
  return Buffer.from(writer.addTag())
}

/** A Buffer may be a window on a larger block; the tag writer wants the block itself. */
function exactBytes(bytes: Buffer): ArrayBuffer {
  return Uint8Array.from(bytes).buffer
}
