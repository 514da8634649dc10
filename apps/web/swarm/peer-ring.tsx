// The ring: the server in the middle, listeners around it, and a line for whoever sent chunks to whom in the last seconds.
// Not a map of the network: places on the ring mean nothing. The table beside the map tells the same.
// Invariant: who wants less motion sees the lines without anything moving along them.

import type { SwarmSong } from '@evastream/protocol/swarm-http'

const SIZE = 320
const CENTRE = SIZE / 2
const RADIUS = 122
const PEER_RADIUS = 11
const LINES_MAX = 24
const AROUND_SERVER = 70

interface Line {
  readonly id: string
  readonly from: string | null
  readonly to: string
  readonly count: number
}

export interface PeerRingProps {
  readonly song: SwarmSong
  readonly isOriginAway: boolean
}

export function PeerRing({ song, isOriginAway }: PeerRingProps) {
  const placeOf = new Map(song.peers.map(({ key }, index) => [key, placeAt(index, song.peers.length)]))
  const lines = linesOf(song).filter(({ from, to }) => placeOf.has(to) && (from === null || placeOf.has(from)))
  const words = `${wordsOf(song, lines)}${isOriginAway ? ' The server is away.' : ''}`
  return (
    <figure class="swarm-ring">
      <svg viewBox={`0 0 ${SIZE} ${SIZE}`} role="img" aria-label={words}>
        <circle class="swarm-ring-line" cx={CENTRE} cy={CENTRE} r={RADIUS} />
        {lines.map(line => (
          <Flow
            key={line.id}
            line={line}
            start={line.from === null ? [CENTRE, CENTRE] : placeOf.get(line.from)}
            end={placeOf.get(line.to)}
          />
        ))}
        <rect class={`swarm-ring-server${isOriginAway ? ' is-away' : ''}`} x={CENTRE - 24} y={CENTRE - 15} width={48} height={30} rx={7} />
        <text class="swarm-ring-label" x={CENTRE} y={CENTRE + 4}>
          {isOriginAway ? 'away' : 'server'}
        </text>
        {song.peers.map(peer => {
          const [x, y] = placeOf.get(peer.key) ?? [CENTRE, CENTRE]
          return (
            <g key={peer.key}>
              <circle class={peer.isHouse ? 'swarm-ring-house' : 'swarm-ring-peer'} cx={x} cy={y} r={PEER_RADIUS} />
              {song.peers.length <= 12 && (
                <text class="swarm-ring-name" x={x} y={y + (y < CENTRE ? -16 : 24)}>
                  {peer.isHouse ? 'house' : peer.name}
                </text>
              )}
            </g>
          )
        })}
      </svg>
      <figcaption>{words}</figcaption>
    </figure>
  )
}

interface FlowProps {
  readonly line: Line
  readonly start: Point | undefined
  readonly end: Point | undefined
}

function Flow({ line, start, end }: FlowProps) {
  if (start === undefined || end === undefined) return null
  const path = `M${start.join(' ')} Q${bendOf(start, end).join(' ')} ${end.join(' ')}`
  const kind = line.from === null ? 'is-server' : 'is-listener'
  return (
    <g class={`swarm-flow ${kind}`}>
      <path d={path} stroke-width={1.5 + Math.min(4, Math.log2(1 + line.count))} />
      <circle class="swarm-flow-dot" r={4}>
        <animateMotion dur="1.4s" repeatCount="indefinite" {...{ path }} />
      </circle>
    </g>
  )
}

type Point = readonly [number, number]

/** Towards the middle, so that lines between neighbours do not lie on the ring; and around it, where only the server's lines begin. */
function bendOf([startX, startY]: Point, [endX, endY]: Point): Point {
  const [x, y] = [(startX + endX) / 2 - CENTRE, (startY + endY) / 2 - CENTRE]
  const distance = Math.hypot(x, y)
  if (startX === CENTRE && startY === CENTRE) return [CENTRE + x, CENTRE + y]
  const [chordX, chordY] = [endX - startX, endY - startY]
  const chord = Math.hypot(chordX, chordY)
  const [towardsX, towardsY] = distance > 1 ? [x / distance, y / distance] : [-chordY / chord, chordX / chord]
  const reach = Math.max(distance * 0.45, AROUND_SERVER)
  return [CENTRE + towardsX * reach, CENTRE + towardsY * reach]
}

function placeAt(index: number, count: number): Point {
  const angle = (index / Math.max(1, count)) * 2 * Math.PI - Math.PI / 2
  return [CENTRE + RADIUS * Math.cos(angle), CENTRE + RADIUS * Math.sin(angle)]
}

function linesOf({ moves }: SwarmSong): Line[] {
  const counts = new Map<string, Line>()
  for (const { from, to } of moves) {
    const id = `${from ?? 'server'} ${to}`
    counts.set(id, { id, from, to, count: (counts.get(id)?.count ?? 0) + 1 })
  }
  return [...counts.values()].sort((one, other) => other.count - one.count).slice(0, LINES_MAX)
}

function wordsOf({ listeners, moves }: SwarmSong, lines: readonly Line[]): string {
  const people = listeners === 1 ? '1 listener' : `${listeners} listeners`
  if (lines.length === 0) return `${people}; nothing moves just now.`
  const fromServer = moves.filter(({ from }) => from === null).length
  return `${people}; in the last seconds ${moves.length - fromServer} chunks from listeners and ${fromServer} from the server.`
}
