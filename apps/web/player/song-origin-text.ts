// Where a song comes from, in one honest line, and in words for who cannot see its map.
// Not the numbers: the peer counts them.
// Invariant: nothing is said of listeners unless bytes of theirs are here.

import type { SongMap } from '@evastream/protocol/page-http'

const WORDS = { p: 'from listeners', o: 'from the server', s: 'here from before', f: 'on their way', '.': 'not here yet' } as const

export type ChunkMark = keyof typeof WORDS

export interface ChunkRun {
  readonly mark: ChunkMark
  readonly first: number
  readonly count: number
}

/** Neighbours of one kind as one run. */
export function runsOf(chunks: string): ChunkRun[] {
  const runs: { mark: ChunkMark; first: number; count: number }[] = []
  for (const [at, character] of chunks.split('').entries()) {
    const mark = character in WORDS ? (character as ChunkMark) : '.'
    const last = runs.at(-1)
    if (last?.mark === mark) last.count++
    else runs.push({ mark, first: at, count: 1 })
  }
  return runs
}

export function honestLine(map: SongMap | undefined): string {
  if (map === undefined) return 'Looking for it'
  const { originBytes, peerBytes, peerCount } = map.sources
  if (originBytes + peerBytes === 0) return map.chunks.includes('s') ? 'It was here already' : 'Looking for it'
  if (peerBytes === 0) return 'You are the first one here'
  const percent = Math.min(originBytes > 0 ? 99 : 100, Math.max(1, Math.round((100 * peerBytes) / (originBytes + peerBytes))))
  return `${percent} % from ${peerCount === 1 ? 'one listener' : `${peerCount} listeners`}`
}

/** `20 chunks: 5 from the server, 15 from listeners` */
export function mapText({ chunks, chunkCount }: Pick<SongMap, 'chunks' | 'chunkCount'>): string {
  const counts = (Object.keys(WORDS) as ChunkMark[]).map(mark => [mark, chunks.split(mark).length - 1] as const)
  const parts = counts.filter(([, count]) => count > 0).map(([mark, count]) => `${count} ${WORDS[mark]}`)
  return `${chunkCount} ${chunkCount === 1 ? 'chunk' : 'chunks'}: ${parts.join(', ')}`
}
