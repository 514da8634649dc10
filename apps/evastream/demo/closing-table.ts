// The demo's last words: a row for each peer, and a line for each of the four things a viewer should have observed.
// Not the judgement: demo-result.ts made it.
// Invariant: every figure printed here stands in the JSON result too.

import { styleText } from 'node:util'
import Table from 'cli-table3'
import { byteText } from '../byte-text.ts'
import { NO_LINES_BETWEEN_ROWS } from '../table-style.ts'
import type { DemoResult } from './demo-result.ts'

export function closingTable(result: DemoResult, hasColour: boolean): string {
  const { songBytes, peers, originStoppedPeer, originBytesTotal, observations } = result
  const table = new Table({
    head: ['peer', 'from origin', 'from peers', 'given', 'whole song'],
    colAligns: ['left', 'right', 'right', 'right', 'left'],
    style: { head: [], border: [] },
    chars: NO_LINES_BETWEEN_ROWS,
  })
  for (const { peerId, originBytes, peerBytes, sentBytes, complete, sha256Ok } of peers)
    table.push([peerId, byteText(originBytes), byteText(peerBytes), byteText(sentBytes), complete && sha256Ok ? 'yes, bit for bit' : 'no'])
  const listeners = peers.length + 1
  const [first, ...later] = peers
  const leastFromPeers = Math.min(...later.map(({ originBytes, peerBytes }) => peerBytes / Math.max(1, originBytes + peerBytes)))
  const lines = [
    verdict(
      observations.firstMostlyOrigin,
      `the first peer downloads mostly from the origin: ${byteText(first?.originBytes ?? 0)} of ${byteText(songBytes)}`,
    ),
    verdict(observations.laterMostlyPeers, `later ones mostly from peers: each at least ${percent(leastFromPeers)}`),
    verdict(
      observations.originFalls,
      `origin bandwidth falls with time: ${later.length === 0 ? '' : 'by peer, in order of arrival '}${peers.map(({ originBytes }) => byteText(originBytes)).join(', ')}`,
    ),
    verdict(
      observations.selfSustaining,
      `the swarm sustains itself: with the origin stopped, ${originStoppedPeer.peerId} ${originStoppedPeer.complete ? 'got the whole song' : 'did not get the whole song'}, ${byteText(originStoppedPeer.originBytes)} from the origin`,
    ),
  ]
  const saved = `${listeners} listeners had the song (${byteText(songBytes * listeners)}); the origin sent ${byteText(originBytesTotal)}, ${(originBytesTotal / songBytes).toFixed(2)} copies.`
  return `\n${table.toString()}\n\n${lines.join('\n')}\n\n${saved}\n`

  function verdict(holds: boolean, text: string): string {
    const mark = holds ? '✓ yes' : '✗ NO '
    return ` ${hasColour ? styleText(holds ? 'green' : 'red', mark, { validateStream: false }) : mark}  ${text}`
  }
}

function percent(ratio: number): string {
  return `${Math.floor(ratio * 100)} %`
}
