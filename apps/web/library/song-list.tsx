// Songs of the library, one a row: pressed, they are played from there on.
// Not the songs of the queue (queue/now-place.tsx).
// Invariant: titles are shown as text, whatever is written in them.

import type { LibrarySongs } from '@evastream/protocol/library-http'
import { pathWith } from '../api/page-api.ts'
import { Cover } from '../player/cover.tsx'
import type { Song } from '../player/play-queue.ts'
import { clockText } from '../player/time-text.ts'
import type { LibraryRoute } from '../shell/hash-route.ts'
import { Icon } from '../shell/icon.tsx'
import { useServices } from '../shell/page-services.ts'
import { WindowedList } from './windowed-list.tsx'

const ROW_HEIGHT = 60
/** So many songs follow the one that was pressed. */
const PLAYED_MAX = 200

export function SongList({ route }: { readonly route: LibraryRoute }) {
  const { api, player } = useServices()
  const { query, artist, album } = route
  const fetchSongs = (offset: number, limit: number, signal?: AbortSignal) =>
    api.call<LibrarySongs>(pathWith('/api/library/songs', { query, artist, album, offset, limit }), signal === undefined ? {} : { signal })
  const playFrom = async (song: Song, index: number) => {
    // It sounds at once; what follows it is known a moment later.
    player.playAll([song], 0)
    const { songs } = await fetchSongs(index, PLAYED_MAX).catch(() => ({ songs: [] as Song[] }))
    if (player.song.value?.songId === song.songId) player.follow(songs.slice(1))
  }
  return (
    <WindowedList
      listKey={JSON.stringify([query, artist, album])}
      label="Songs"
      entryWidthMin={0}
      rowHeight={() => ROW_HEIGHT}
      load={async (offset, limit, signal) => {
        const { total, songs } = await fetchSongs(offset, limit, signal)
        return { total, entries: songs }
      }}
      entry={(song, index) => <SongRow song={song} onPlay={() => void playFrom(song, index)} />}
      empty={query === '' ? 'No songs were published yet.' : `Nothing was found for “${query}”.`}
    />
  )
}

function SongRow({ song, onPlay }: { readonly song: Song; readonly onPlay: () => void }) {
  const { player } = useServices()
  const isNow = player.song.value?.songId === song.songId
  const about = [song.artist, song.album].filter(text => text !== undefined).join(' · ')
  return (
    <div class="song-row" data-now={isNow}>
      <button type="button" class="song-row-play" onClick={onPlay} aria-current={isNow ? 'true' : undefined}>
        <Cover songId={song.hasCover ? song.songId : undefined} seed={song.album ?? song.title} />
        <span class="song-row-words">
          <bdi class="one-line">{song.title}</bdi>
          <bdi class="song-row-about one-line">{about}</bdi>
        </span>
        <span class="song-row-time">{song.durationMs === undefined ? '' : clockText(song.durationMs / 1000)}</span>
      </button>
      <button type="button" class="round" aria-label={`Play ${song.title} next`} title="Play next" onClick={() => player.addNext(song)}>
        <Icon name="add" />
      </button>
    </div>
  )
}
