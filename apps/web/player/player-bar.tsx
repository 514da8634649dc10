// The player at the foot of every place: what is played, where in it, and the buttons.
// Not the large view of it (queue/now-place.tsx).
// Invariant: whoever listens to the page hears of trouble when it comes, and of nothing that only moves.

import { hashOf } from '../shell/hash-route.ts'
import { useServices } from '../shell/page-services.ts'
import { Cover } from './cover.tsx'
import { OrderButtons, PlayButtons, VolumeControl } from './player-controls.tsx'
import { SeekBar } from './seek-bar.tsx'
import { useSongMap } from './song-map-watch.ts'
import { honestLine } from './song-origin-text.ts'

export function PlayerBar() {
  const { player, route } = useServices()
  const song = player.song.value
  const map = useSongMap(song?.songId)
  if (song === undefined) return null
  return (
    <section class="bar" aria-label="Player" data-place={route.value.place}>
      <a class="bar-song" href={hashOf({ place: 'now' })}>
        <Cover songId={song.hasCover ? song.songId : undefined} seed={song.album ?? song.title} />
        <span class="bar-words">
          <bdi class="bar-title one-line">{song.title}</bdi>
          <span class="bar-line one-line">
            {song.artist !== undefined && (
              <>
                <bdi>{song.artist}</bdi> ·{' '}
              </>
            )}
            {honestLine(map)}
          </span>
        </span>
      </a>
      <PlayButtons />
      <SeekBar map={map} />
      <div class="bar-more">
        <OrderButtons />
        <VolumeControl />
      </div>
      <p class="bar-trouble" role="status">
        {player.trouble.value}
      </p>
    </section>
  )
}
