// The place "Library": albums, artists and songs of the operator, and the search over them.
// Not the lists themselves.
// Invariant: what is searched and shown stands in the address, so that going back goes back.

import type { LibraryAlbums, LibraryArtists } from '@evastream/protocol/library-http'
import { pathWith } from '../api/page-api.ts'
import { Cover } from '../player/cover.tsx'
import { hashOf, type LibraryRoute, libraryRoute } from '../shell/hash-route.ts'
import { Icon } from '../shell/icon.tsx'
import { useServices } from '../shell/page-services.ts'
import { SongList } from './song-list.tsx'
import { WindowedList } from './windowed-list.tsx'

const TABS = [
  ['albums', 'Albums'],
  ['artists', 'Artists'],
  ['songs', 'Songs'],
] as const

const ALBUM_WIDTH_MIN = 168
/** Two lines of words below the cover, and the gaps. */
const ALBUM_WORDS_HEIGHT = 68
const ARTIST_HEIGHT = 60

export function LibraryPlace() {
  const { route } = useServices()
  if (route.value.place !== 'library') return null
  const here = route.value
  return (
    <>
      <LibraryHead route={here} />
      {here.tab === 'songs' && <SongList route={here} />}
      {here.tab === 'albums' && <AlbumGrid route={here} />}
      {here.tab === 'artists' && <ArtistList route={here} />}
    </>
  )
}

function LibraryHead({ route }: { readonly route: LibraryRoute }) {
  const { go } = useServices()
  const subject = route.album ?? route.artist
  const search = (query: string) => {
    const wasEmpty = route.query === ''
    go(
      libraryRoute({
        tab: route.tab === 'artists' && wasEmpty ? 'songs' : route.tab === 'albums' && wasEmpty ? 'songs' : route.tab,
        query,
      }),
      {
        replace: !wasEmpty,
      },
    )
  }
  return (
    <header class="place-head">
      <h1>
        <bdi>{subject ?? 'Library'}</bdi>
      </h1>
      <nav class="tabs" aria-label="Library">
        {TABS.map(([tab, word]) => (
          <a
            key={tab}
            href={hashOf(libraryRoute({ tab, query: route.query }))}
            aria-current={route.tab === tab && subject === undefined ? 'page' : undefined}
          >
            {word}
          </a>
        ))}
      </nav>
      <label class="search">
        <span class="only-read-out">Search the library</span>
        <Icon name="search" />
        <input
          id="search"
          type="search"
          placeholder="Search"
          autocomplete="off"
          spellcheck={false}
          maxLength={200}
          value={route.query}
          onInput={event => search(event.currentTarget.value)}
        />
      </label>
    </header>
  )
}

function AlbumGrid({ route }: { readonly route: LibraryRoute }) {
  const { api } = useServices()
  const { query, artist } = route
  return (
    <WindowedList
      listKey={JSON.stringify([query, artist])}
      label="Albums"
      entryWidthMin={ALBUM_WIDTH_MIN}
      rowHeight={width => width + ALBUM_WORDS_HEIGHT}
      load={async (offset, limit, signal) => {
        const found = await api.call<LibraryAlbums>(pathWith('/api/library/albums', { query, artist, offset, limit }), { signal })
        return { total: found.total, entries: found.albums }
      }}
      entry={album => (
        <a class="album" href={hashOf(libraryRoute({ tab: 'songs', album: album.album, artist: album.artist }))}>
          <Cover songId={album.coverSongId} seed={album.album} />
          <bdi class="album-name one-line">{album.album}</bdi>
          <bdi class="album-artist one-line">{album.artist ?? songCountText(album.songCount)}</bdi>
        </a>
      )}
      empty={
        <>
          No albums here. <a href={hashOf(libraryRoute({ tab: 'songs', query }))}>See all songs</a>.
        </>
      }
    />
  )
}

function ArtistList({ route }: { readonly route: LibraryRoute }) {
  const { api } = useServices()
  const { query } = route
  return (
    <WindowedList
      listKey={query}
      label="Artists"
      entryWidthMin={0}
      rowHeight={() => ARTIST_HEIGHT}
      load={async (offset, limit, signal) => {
        const found = await api.call<LibraryArtists>(pathWith('/api/library/artists', { query, offset, limit }), { signal })
        return { total: found.total, entries: found.artists }
      }}
      entry={({ artist, songCount }) => (
        <a class="artist" href={hashOf(libraryRoute({ tab: 'songs', artist }))}>
          <bdi class="one-line">{artist}</bdi>
          <span>{songCountText(songCount)}</span>
        </a>
      )}
      empty="No artists here."
    />
  )
}

function songCountText(count: number): string {
  return count === 1 ? '1 song' : `${count} songs`
}
