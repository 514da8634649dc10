// The listener's switch over the peer's own HTTP interface, and what others can see of this peer as it stands.
// Not the switching (sharing-switch.ts), and not behind a guard of its own: player-routes.ts guards the whole server.
// Invariant: what is said to be seen is what the tracker and other peers are told, and nothing where they are told nothing.

import { SharingOrder, SharingState } from '@evastream/protocol/sharing-http'
import type { HttpApp } from '@evastream/service-kit/http-app'
import type { SongLibrary } from '../library/song-library.ts'
import type { SharingSwitch } from '../sharing/sharing-switch.ts'

export interface SharingRoutesDeps {
  readonly sharing: Pick<SharingSwitch, 'mode' | 'isSet' | 'observedHost' | 'turn'>
  readonly library: Pick<SongLibrary, 'list'>
  readonly uploads: { readonly port: number }
  readonly ledger: { totals(): { readonly sentBytes: number } }
}

/** Enough to see what is meant. */
const SONGS_NAMED_MAX = 100
const NO_STORE = { 'cache-control': 'no-store' }

export function addSharingRoutes(app: HttpApp, deps: SharingRoutesDeps): void {
  const tags = ['peer']
  const readSchema = { tags, summary: 'What this peer shares, and what others see of it', response: { 200: SharingState } }
  app.get('/api/sharing', { schema: readSchema }, async (_request, reply) => {
    reply.headers(NO_STORE)
    return sharingStateOf(deps)
  })
  const orderSchema = { tags, summary: 'Share, only receive, or keep to oneself', body: SharingOrder, response: { 200: SharingState } }
  app.put('/api/sharing', { schema: orderSchema }, async (request, reply) => {
    await deps.sharing.turn(request.body.mode)
    reply.headers(NO_STORE)
    return sharingStateOf(deps)
  })
}

/** As the page is told it, whenever it changes. */
export function sharingStateOf({ sharing, library, uploads, ledger }: SharingRoutesDeps): SharingState {
  const { mode, isSet, observedHost } = sharing
  const held = mode === 'on' ? library.list().filter(({ chunksHeld }) => chunksHeld > 0) : []
  return {
    mode,
    isSet,
    sentBytes: ledger.totals().sentBytes,
    seen: {
      host: observedHost ?? null,
      port: uploads.port,
      songCount: held.length,
      songs: held.slice(0, SONGS_NAMED_MAX).map(({ songId, chunkCount, chunksHeld }) => ({ songId, chunkCount, chunksHeld })),
    },
  }
}
