// The place "Now playing": the song large, where it comes from, and what comes after it.
// Not the player's small bar, which every other place has.
// Invariant: the queue shows every song in the order in which it will be played.

import { Cover } from '../player/cover.tsx'
import type { Song } from '../player/play-queue.ts'
import { OrderButtons, PlayButtons, VolumeControl } from '../player/player-controls.tsx'
import { ChunkLegend, SeekBar } from '../player/seek-bar.tsx'
import { useSongMap } from '../player/song-map-watch.ts'
import { honestLine } from '../player/song-origin-text.ts'
import { hashOf, libraryRoute } from '../shell/hash-route.ts'
import { Icon } from '../shell/icon.tsx'
import { useServices } from '../shell/page-services.ts'
import { SharingCard } from './sharing-card.tsx'

/** More is a library, and a long page. */
const SHOWN_MAX = 100

export function NowPlace() {
  const { player } = useServices()
  const song = player.song.value
  if (song === undefined) return <NothingYet />
  return (
    <div class="now">
      <NowSong song={song} />
      <aside class="now-side">
        <QueueList />
        <SharingCard />
      </aside>
    </div>
  )
}

function NothingYet() {
  return (
    <div class="note">
      <h1>Nothing is playing</h1>
      <p>
        Choose a song in the <a href={hashOf(libraryRoute())}>library</a>.
      </p>
      <SharingCard />
    </div>
  )
}

function NowSong({ song }: { readonly song: Song }) {
  const map = useSongMap(song.songId)
  const about = [song.artist, song.album].filter(text => text !== undefined).join(' · ')
  return (
    <section class="now-song" aria-label="The song">
      <Cover songId={song.hasCover ? song.songId : undefined} seed={song.album ?? song.title} />
      <div class="now-words">
        <h1 title={song.title}>
          <bdi>{song.title}</bdi>
        </h1>
        <p class="now-artist" title={about}>
          <bdi>{about}</bdi>
        </p>
        <p class="now-honest">{honestLine(map)}</p>
      </div>
      <SeekBar map={map} />
      <div class="now-buttons">
        <OrderButtons />
        <PlayButtons />
        <VolumeControl />
      </div>
      <ChunkLegend />
    </section>
  )
}

function QueueList() {
  const { player } = useServices()
  const { songs, index } = player.queue.value
  const coming = songs.slice(index + 1, index + 1 + SHOWN_MAX)
  return (
    <section aria-labelledby="queue-title">
      <h2 id="queue-title">Next</h2>
      {coming.length === 0 && <p class="now-artist">Nothing after this song.</p>}
      <ol class="queue">
        {coming.map((song, at) => (
          <li key={`${song.songId} ${at}`} class="song-row">
            <button type="button" class="song-row-play" onClick={() => player.playAt(index + 1 + at)}>
              <Cover songId={song.hasCover ? song.songId : undefined} seed={song.album ?? song.title} />
              <span class="song-row-words">
                <bdi class="one-line">{song.title}</bdi>
                <bdi class="song-row-about one-line">{song.artist}</bdi>
              </span>
            </button>
            <button type="button" class="round" aria-label={`Take out ${song.title}`} onClick={() => player.remove(index + 1 + at)}>
              <Icon name="remove" />
            </button>
          </li>
        ))}
      </ol>
    </section>
  )
}
