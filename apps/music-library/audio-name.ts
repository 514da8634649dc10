// Which files of a folder may be songs, by their names alone.
// Not a judge of what they hold: the publisher reads that.
// Invariant: what begins with a dot is nobody's music: trash, thumbnails, unfinished copies.

import { extname } from 'node:path'

const AUDIO_EXTENSIONS: ReadonlySet<string> = new Set([
  '.aac',
  '.aif',
  '.aiff',
  '.flac',
  '.m4a',
  '.m4b',
  '.mka',
  '.mp3',
  '.oga',
  '.ogg',
  '.opus',
  '.wav',
  '.weba',
  '.wma',
])

export function isAudioName(name: string): boolean {
  return !isHiddenName(name) && AUDIO_EXTENSIONS.has(extname(name).toLowerCase())
}

export function isHiddenName(name: string): boolean {
  return name.startsWith('.')
}
