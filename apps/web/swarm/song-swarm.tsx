// One song's swarm: the ring of its listeners, and the map of who holds which chunk.
// Not the choosing of the figures: the server says who holds what.
// Invariant: one call in flight at a time, and what is shown is of the song that is chosen.

import type { SwarmNow, SwarmSong } from '@evastream/protocol/swarm-http'
import { systemTimers } from '@evastream/service-kit/system-clock'
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { hashOf } from '../shell/hash-route.ts'
import { useServices } from '../shell/page-services.ts'
import { ChunkMap } from './chunk-map.tsx'
import { PeerRing } from './peer-ring.tsx'

export interface SongSwarmProps {
  readonly songId: string
  readonly now: Pick<SwarmNow, 'swarms' | 'isOriginAway'>
  onChoose(songId: string): void
}

const ASK_EVERY_MS = 1500

export function SongSwarm({ songId, now, onChoose }: SongSwarmProps) {
  const { api, operator, about } = useServices()
  const song = useSignal<SwarmSong | undefined>(undefined)
  useEffect(() => {
    const abort = new AbortController()
    let isAsking = false
    const ask = async () => {
      if (isAsking || document.visibilityState !== 'visible') return
      isAsking = true
      // A song whose last listener has gone is simply not there any more.
      const options = { signal: abort.signal, headers: operator.headers }
      const answer = await api.call<SwarmSong>(`/api/swarm/songs/${encodeURIComponent(songId)}`, options).catch(() => null)
      isAsking = false
      if (!abort.signal.aborted) song.value = answer ?? undefined
    }
    void ask()
    const stop = systemTimers.every(ASK_EVERY_MS, () => void ask())
    return () => {
      abort.abort()
      stop()
    }
  }, [songId])
  const isUnknownOperator = about.value?.operator?.needsToken === true && operator.token.value === ''
  const shown = song.value?.songId === songId ? song.value : undefined
  return (
    <section class="swarm-card" aria-labelledby="swarm-song">
      <div class="swarm-card-head">
        <h2 id="swarm-song">Who holds what</h2>
        <label class="swarm-choice">
          <span>Song</span>
          <select value={songId} onChange={event => onChoose(event.currentTarget.value)}>
            {now.swarms.map(each => (
              <option key={each.songId} value={each.songId}>
                {each.title} ({each.listeners})
              </option>
            ))}
          </select>
        </label>
      </div>
      {shown === undefined ? (
        <p class="swarm-note">Nobody holds a part of this song now. Play it, and its first listener appears.</p>
      ) : (
        <div class="swarm-pictures">
          <PeerRing song={shown} isOriginAway={now.isOriginAway} />
          <ChunkMap song={shown} />
        </div>
      )}
      {isUnknownOperator && (
        <p class="swarm-note">
          Addresses of listeners are shown to the operator alone, who gives the token at <a href={hashOf({ place: 'manage' })}>Manage</a>.
        </p>
      )}
    </section>
  )
}
