// The player as the system shows it: lock screen, media keys, headphones.
// Not the player. Browsers without a media session simply show nothing.
// Invariant: what the system shows is the song that is played, with its own place in it.

import { effect } from '@preact/signals'
import type { Player } from './player.ts'

const SEEK_S = 10

export function showInSession(player: Player, session: MediaSession | undefined): void {
  if (session === undefined) return
  effect(() => {
    const song = player.song.value
    session.metadata = song === undefined ? null : metadataOf(song)
  })
  effect(() => {
    session.playbackState = player.isPlaying.value ? 'playing' : player.song.value === undefined ? 'none' : 'paused'
  })
  effect(() => {
    const [duration, position] = [player.lengthS.value, player.positionS.value]
    if (duration > 0) session.setPositionState({ duration, position: Math.min(position, duration), playbackRate: 1 })
  })
  session.setActionHandler('play', () => player.play())
  session.setActionHandler('pause', () => player.pause())
  session.setActionHandler('nexttrack', () => player.next())
  session.setActionHandler('previoustrack', () => player.previous())
  session.setActionHandler('seekbackward', ({ seekOffset }) => player.seekBy(-(seekOffset ?? SEEK_S)))
  session.setActionHandler('seekforward', ({ seekOffset }) => player.seekBy(seekOffset ?? SEEK_S))
  session.setActionHandler('seekto', ({ seekTime }) => player.seekTo(seekTime ?? 0))
}

function metadataOf({ songId, title, artist, album, hasCover }: NonNullable<Player['song']['value']>): MediaMetadata {
  const artwork = hasCover ? [{ src: `/covers/${encodeURIComponent(songId)}` }] : []
  return new MediaMetadata({ title, artist: artist ?? '', album: album ?? '', artwork })
}
