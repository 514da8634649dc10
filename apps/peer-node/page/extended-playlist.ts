// A list of songs as an extended M3U: what mpv, VLC and their kin open and play in order.
// Not HLS, with which it shares a name ending: no line begins with #EXT-X-, by which players tell the two apart.
// Invariant: two lines a song whatever its title holds; nothing of a title becomes a line, a tag or an address.

import { SECOND_MS } from '@evastream/core/units'
import { streamPathOf } from '@evastream/protocol/stream-path'
import { printable } from '@evastream/service-kit/printable-text'

/** Some players take `application/vnd.apple.mpegurl` for HLS by the type alone; none takes this one for it. */
export const PLAYLIST_MIME_TYPE = 'audio/x-mpegurl'

export interface PlaylistSong {
  readonly id: string
  readonly title: string
  readonly artist?: string
  readonly durationMs?: number
  readonly mimeType?: string
}

/** @param origin where the songs are served: `http://127.0.0.1:8090` */
export function extendedPlaylist(songs: readonly PlaylistSong[], origin: string): string {
  const lines = ['#EXTM3U']
  for (const song of songs) {
    const { id: songId, durationMs, mimeType } = song
    const seconds = durationMs === undefined ? -1 : Math.round(durationMs / SECOND_MS)
    lines.push(`#EXTINF:${seconds},${nameOf(song)}`, `${origin}${streamPathOf({ songId, mimeType })}`)
  }
  return `${lines.join('\n')}\n`
}

function nameOf({ artist, title }: PlaylistSong): string {
  return printable(artist === undefined ? title : `${artist} - ${title}`).trim()
}
