// The chunk × peer map: a row for each listener, a column for each chunk (or several), and below them how often each is held.
// Not the ring (peer-ring.tsx).
// Invariant: full and empty differ in shape, not in colour alone, and the table says the same in numbers.

import type { SwarmSong } from '@evastream/protocol/swarm-http'
import { cellsOf, chunksByCopies, heldChunks, rangesText, rarestOf } from './chunk-cells.ts'

const COLUMNS_MAX = 64
const CELL = 10
const GAP = 2
const EMPTY = 3

export function ChunkMap({ song }: { readonly song: SwarmSong }) {
  const columns = Math.min(COLUMNS_MAX, song.chunkCount)
  const width = columns * (CELL + GAP)
  const rarest = rarestOf(song.availability, COLUMNS_MAX)
  const most = Math.max(1, ...rarest)
  const least = Math.min(...song.availability)
  return (
    <figure class="swarm-map">
      <figcaption>
        {song.chunkCount} chunks. {least === 0 ? 'Some are held by nobody but the server.' : `Each is held by at least ${least}.`}
      </figcaption>
      <div class="swarm-map-rows" aria-hidden="true">
        {song.peers.map(peer => (
          <div class="swarm-map-row" key={peer.key}>
            <span class="swarm-map-name one-line">{peer.name}</span>
            <svg viewBox={`0 0 ${width} ${CELL}`} preserveAspectRatio="none" class="swarm-map-cells" aria-hidden="true">
              {cellsOf(peer.bitmap, song.chunkCount, COLUMNS_MAX).map((held, column) => (
                <rect
                  key={column}
                  class={held > 0 ? 'is-held' : 'is-missing'}
                  x={column * (CELL + GAP)}
                  y={held > 0 ? (CELL * (1 - held)) / 2 : (CELL - EMPTY) / 2}
                  width={CELL}
                  height={held > 0 ? Math.max(EMPTY, CELL * held) : EMPTY}
                />
              ))}
            </svg>
          </div>
        ))}
        <div class="swarm-map-row swarm-map-sum">
          <span class="swarm-map-name one-line">up to {most} copies</span>
          <svg viewBox={`0 0 ${width} ${CELL * 2}`} preserveAspectRatio="none" class="swarm-map-cells" aria-hidden="true">
            {rarest.map((count, column) => (
              <rect
                key={column}
                class="is-copies"
                x={column * (CELL + GAP)}
                y={CELL * 2 * (1 - count / most)}
                width={CELL}
                height={Math.max(1, (CELL * 2 * count) / most)}
              />
            ))}
          </svg>
        </div>
      </div>
      <PeerTable song={song} />
    </figure>
  )
}

function PeerTable({ song }: { readonly song: SwarmSong }) {
  const hasAddresses = song.peers.some(({ address }) => address !== undefined)
  return (
    <details class="swarm-twin">
      <summary>The same as a table</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">Listener</th>
            <th scope="col">Chunks held</th>
            <th scope="col">Just received</th>
            {hasAddresses && <th scope="col">Address</th>}
          </tr>
        </thead>
        <tbody>
          {song.peers.map(peer => (
            <tr key={peer.key}>
              <th scope="row">{peer.name}</th>
              <td>{heldText(peer.bitmap, song.chunkCount)}</td>
              <td>{justReceived(song, peer.key)}</td>
              {hasAddresses && (
                <td class="swarm-address">
                  {peer.peerId} {peer.address}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      <table>
        <thead>
          <tr>
            <th scope="col">Copies</th>
            <th scope="col">Of chunks</th>
          </tr>
        </thead>
        <tbody>
          {chunksByCopies(song.availability).map(([copies, chunks]) => (
            <tr key={copies}>
              <th scope="row">{copies}</th>
              <td>{rangesText(chunks)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  )
}

function heldText(bitmap: string, chunkCount: number): string {
  const held = heldChunks(bitmap, chunkCount)
  return `${held.length} of ${chunkCount}${held.length === 0 ? '' : `: ${rangesText(held)}`}`
}

function justReceived({ moves, peers }: SwarmSong, key: string): string {
  const own = moves.filter(({ to }) => to === key)
  if (own.length === 0) return 'nothing'
  const sources = [...new Set(own.map(({ from }) => from))].map(from => peers.find(peer => peer.key === from)?.name ?? 'the server')
  return `${own.length} from ${[...new Set(sources)].join(', ')}`
}
