// The place in the song, as a slider over the song's chunk map: taller is nearer to home (listeners, then the server, then before).
// Not the map's numbers.
// Invariant: every kind of chunk differs from the others by height or pattern, not by colour alone, and the slider says the time in words.

import type { SongMap } from '@evastream/protocol/page-http'
import { useServices } from '../shell/page-services.ts'
import { type ChunkMark, mapText, runsOf } from './song-origin-text.ts'
import { clockText } from './time-text.ts'

/** Of 100. */
const HEIGHTS: Readonly<Record<ChunkMark, number>> = { p: 100, o: 70, s: 48, f: 26, '.': 8 }

export function SeekBar({ map }: { readonly map: SongMap | undefined }) {
  const { player } = useServices()
  const lengthS = player.lengthS.value
  const positionS = Math.min(player.positionS.value, lengthS)
  const played = lengthS > 0 ? positionS / lengthS : 0
  return (
    <div class="seek">
      <span class="seek-time">{clockText(positionS)}</span>
      <div class="seek-track">
        <ChunkPicture map={map} />
        <div class="seek-buffered">
          {lengthS > 0 &&
            player.buffered.value.map(({ startS, endS }) => (
              <i key={startS} style={{ left: `${(100 * startS) / lengthS}%`, width: `${(100 * (endS - startS)) / lengthS}%` }} />
            ))}
        </div>
        <div class="seek-played" style={{ width: `${100 * played}%` }} />
        <input
          type="range"
          aria-label="Place in the song"
          aria-valuetext={`${clockText(positionS)} of ${clockText(lengthS)}`}
          min={0}
          max={Math.max(lengthS, 0.01)}
          step={0.1}
          value={positionS}
          disabled={player.song.value === undefined}
          onInput={event => player.seekTo(Number(event.currentTarget.value))}
        />
        {map !== undefined && <p class="only-read-out">{mapText(map)}</p>}
      </div>
      <span class="seek-time">{clockText(lengthS)}</span>
    </div>
  )
}

function ChunkPicture({ map }: { readonly map: SongMap | undefined }) {
  const { chunks, chunkCount } = map ?? { chunks: '.', chunkCount: 1 }
  return (
    <svg class="seek-map" viewBox={`0 0 ${chunkCount} 100`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
      {runsOf(chunks).map(({ mark, first, count }) => (
        <rect
          key={first}
          class={`chunk-${mark === '.' ? 'missing' : mark}`}
          x={first}
          width={count}
          y={100 - HEIGHTS[mark]}
          height={HEIGHTS[mark]}
        />
      ))}
    </svg>
  )
}

const LEGEND: readonly (readonly [string, string])[] = [
  ['p', 'From listeners'],
  ['o', 'From the server'],
  ['s', 'Here from before'],
  ['f', 'On its way'],
  ['missing', 'Not here yet'],
]

export function ChunkLegend() {
  return (
    <ul class="legend">
      {LEGEND.map(([mark, word]) => (
        <li key={mark}>
          <i class={`swatch chunk-${mark}`} />
          {word}
        </li>
      ))}
    </ul>
  )
}
