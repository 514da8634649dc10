// The map of the song that is played, as the peer tells it.
// Not its picture (seek-bar.tsx).
// Invariant: the map is the one of the song that is asked about, or none.

import type { SongMap } from '@evastream/protocol/page-http'
import { useEffect, useState } from 'preact/hooks'
import { useServices } from '../shell/page-services.ts'

export function useSongMap(songId: string | undefined): SongMap | undefined {
  const { events } = useServices()
  const [map, setMap] = useState<SongMap>()
  useEffect(() => (songId === undefined ? undefined : events.watch<SongMap>({ topic: 'song', songId }, setMap)), [events, songId])
  return map?.songId === songId ? map : undefined
}
