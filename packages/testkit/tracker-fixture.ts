// What a small tracker is made of in a test: one published song of nine chunks, a clock that stands still, and room for a hundred peers.
// Not the tracker, which this package does not know: the test joins these (apps/tracker-service/tracker-parts.ts).
// Invariant: the same each time, and nobody is asked over a network.

import { seededRandom } from '@evastream/core/random'
import { fakeClock } from './fake-clock.ts'
import { RecordedLog } from './recorded-log.ts'
import { songFixture } from './song-fixture.ts'

/** The parts' surroundings (`deps`), where songs are looked up (`metadata`), and the limits (`options`). */
export function trackerFixture(song: { readonly songId: string }) {
  const { manifest } = songFixture({ ...song, fileSize: 9 * 16_384, chunkSize: 16_384 })
  return {
    metadata: { lookUpSong: async () => ({ kind: 'found' as const, manifest, version: undefined }) },
    deps: { reachability: { isReachable: async () => true }, clock: fakeClock(), random: seededRandom(4), log: new RecordedLog() },
    options: {
      ...{ bootId: 'boot-1', heartbeatIntervalMs: 10_000, expiresAfterMs: 30_000, trustedRanges: [], originCopies: 1 },
      ...{ peersMax: 100, songsPerPeerMax: 100, holdingsMaxBytes: 1e8 },
      metadataUrl: 'http://metadata',
    },
  }
}
