// What no command of a Scheduler may ever say, whatever the world does to it.
// Not how good its choices are: bad luck and slow progress break no rule here.
// Invariant: each rule is broken on purpose by a canary in checkers.test.ts.

import { blockCountOf } from '@evastream/core/manifest'
import type { BanPeer, DiscardChunk, RequestBlocks, SchedulerCommand } from '@evastream/engine/commands'
import { blocksOf, isRunOf, sourceName } from './peer-books.ts'
import type { CommandRule, Step } from './rule.ts'

function onRequest(name: string, check: (request: RequestBlocks, step: Step) => string | undefined): CommandRule {
  return { name, check: (command, step) => (command.kind === 'request-blocks' ? check(command, step) : undefined) }
}

const knownNames: CommandRule = {
  name: 'commands name what exists',
  check: (command, { books }) => {
    switch (command.kind) {
      case 'request-blocks':
        return nameOfRequest(command, books)
      case 'cancel-request':
        return books.open.has(command.requestId) ? undefined : `request ${command.requestId} is not open`
      case 'complete-chunk':
      case 'find-peers':
      case 'request-origin-leases':
        return books.songs.has(command.songId) ? undefined : `the song ${command.songId} is unknown`
      case 'ban-peer':
      case 'discard-chunk':
      case 'return-origin-leases':
      case 'report-peer':
      case 'report-trouble':
        return undefined
    }
  },
}

function nameOfRequest(request: RequestBlocks, books: Step['books']): string | undefined {
  const song = books.songs.get(request.songId)
  if (books.askedIds.has(request.requestId)) return `request id ${request.requestId} was used before`
  if (song === undefined) return `the song ${request.songId} is unknown`
  if (!isRunOf(song, request))
    return `blocks ${request.firstBlock}+${request.blockCount} of chunk ${request.chunkId} do not exist in ${request.songId}`
  return undefined
}

const oneOwner = onRequest('a block is asked of one source, or of two when hedged', (request, { books }) => {
  for (const block of blocksOf(request)) {
    const owners = [...books.open.values()].filter(({ request: other }) => covers(other, request, block))
    if (owners.length > 1) return `block ${block} of chunk ${request.chunkId} is being asked for ${owners.length} times already`
    if (owners.some(({ request: other }) => sourceName(other.source) === sourceName(request.source)))
      return `block ${block} of chunk ${request.chunkId} is asked twice of ${sourceName(request.source)}`
  }
  return undefined
})

function covers(other: RequestBlocks, request: RequestBlocks, block: number): boolean {
  return (
    other.chunkId === request.chunkId &&
    other.songId === request.songId &&
    other.firstBlock <= block &&
    block < other.firstBlock + other.blockCount
  )
}

const nothingTwice = onRequest('what is here is not asked for again', (request, { books }) => {
  const song = books.songs.get(request.songId)
  const chunk = song?.chunks.get(request.chunkId)
  if (song?.held.has(request.chunkId)) return `chunk ${request.chunkId} is stored`
  if (chunk?.isCompleting) return `chunk ${request.chunkId} is being stored`
  const known = blocksOf(request).find(block => chunk?.arrived.has(block))
  return known === undefined ? undefined : `block ${known} of chunk ${request.chunkId} has arrived`
})

const wholeBeforeComplete: CommandRule = {
  name: 'a chunk is completed once, when all its blocks are here',
  check: (command, { books }) => {
    if (command.kind !== 'complete-chunk') return undefined
    const song = books.songs.get(command.songId)
    const chunk = song?.chunks.get(command.chunkId)
    if (song === undefined || chunk === undefined) return `nothing of chunk ${command.chunkId} is here`
    if (chunk.isCompleting) return `chunk ${command.chunkId} is being completed`
    const count = blockCountOf(song.shape, command.chunkId)
    return chunk.arrived.size === count ? undefined : `${chunk.arrived.size} of ${count} blocks of chunk ${command.chunkId} are here`
  },
}

const wholeChunks = onRequest('blocks are verified by their hashes, or the chunk is asked for as a whole', (request, { books }) => {
  const song = books.songs.get(request.songId)
  if (song === undefined) return undefined
  if (request.verify === 'blocks') return song.hasBlockHashes ? undefined : `${request.songId} has no block hashes`
  const count = blockCountOf(song.shape, request.chunkId)
  return request.blockCount === count ? undefined : `${request.blockCount} of the ${count} blocks of chunk ${request.chunkId} are asked for`
})

const bounded = onRequest('requests and chunks in progress are bounded', (request, { books, world }) => {
  const { downloadsInFlightMax, waitingRequestsMax, chunksInProgressMax, batchesPerPeerMax, originRequestsMax } = world.config
  const openMax = downloadsInFlightMax + waitingRequestsMax
  if (books.open.size >= openMax) return `${books.open.size} requests are open and ${openMax} allowed`
  const name = sourceName(request.source)
  const sameSource = [...books.open.values()].filter(({ request: other }) => sourceName(other.source) === name).length
  const sameSourceMax = request.source.kind === 'peer' ? batchesPerPeerMax : originRequestsMax
  if (sameSource >= sameSourceMax) return `${name} has ${sameSource} requests and ${sameSourceMax} are allowed`
  const chunks = books.chunksInProgress().add(`${request.songId}/${request.chunkId}`)
  return chunks.size > chunksInProgressMax ? `${chunks.size} chunks are in progress and ${chunksInProgressMax} allowed` : undefined
})

const bansHold = onRequest('a banned peer is not asked', (request, { books, at }) => {
  if (request.source.kind !== 'peer') return undefined
  const until = books.bannedUntil.get(request.source.peerId) ?? 0
  return at < until ? `${request.source.peerId} is banned until ${until}` : undefined
})

const holdersOnly = onRequest('a peer is asked only for what it is said to hold or to receive', (request, { books }) => {
  if (request.source.kind !== 'peer') return undefined
  const { peerId } = request.source
  const song = books.songs.get(request.songId)
  if (song?.toldBy.get(peerId)?.has(request.chunkId) || song?.arrivingAt.get(peerId)?.has(request.chunkId)) return undefined
  return `nobody said that ${peerId} holds chunk ${request.chunkId}`
})

/** Or two that wait for each other's blocks would wait for ever. */
const noCircles = onRequest('who began to receive a chunk later is not waited for, only asked for what it has', (request, { books }) => {
  if (request.source.kind !== 'peer') return undefined
  const { peerId } = request.source
  const song = books.songs.get(request.songId)
  if (song?.toldBy.get(peerId)?.has(request.chunkId)) return undefined
  const [theirs, ours] = [song?.arrivingAt.get(peerId)?.get(request.chunkId), song?.chunks.get(request.chunkId)?.firstBlockAt]
  if (theirs === undefined || ours === undefined || theirs.since < ours) return undefined
  if (blocksOf(request).every(block => theirs.blocks.includes(block))) return undefined
  return `${peerId} has blocks ${theirs.blocks} of chunk ${request.chunkId} since ${theirs.since} and we since ${ours}`
})

const patience = onRequest('who said "later" is asked later', (request, { books, at, world }) => {
  const name = sourceName(request.source)
  const { busyPauseMaxMs, retryAfterMaxMs } = world.config
  const closed = books.closed.get(name)
  if (closed === undefined) return undefined
  const until = closed.at + Math.min(closed.forMs, request.source.kind === 'peer' ? busyPauseMaxMs : retryAfterMaxMs)
  return at < until ? `${name} said not before ${until}` : undefined
})

const cancelledFirst: CommandRule = {
  name: 'what is banned or discarded has no open request left',
  check: (command, { books }) => {
    if (command.kind !== 'ban-peer' && command.kind !== 'discard-chunk') return undefined
    for (const [requestId, { request }] of books.open) if (isMeant(command, request)) return `request ${requestId} is open`
    return undefined
  },
}

function isMeant(command: BanPeer | DiscardChunk, request: RequestBlocks): boolean {
  if (command.kind === 'ban-peer') return request.source.kind === 'peer' && request.source.peerId === command.peerId
  return request.songId === command.songId && request.chunkId === command.chunkId
}

const leasesLive = onRequest('the origin is asked by a lease only while it lives', (request, { books, at }) => {
  if (request.permit !== 'leased') return undefined
  const isCovered = [...books.leases.values()].some(
    ({ songId, chunkId, expiresAt }) => songId === request.songId && chunkId === request.chunkId && expiresAt > at,
  )
  return isCovered ? undefined : `no lease of chunk ${request.chunkId} lives`
})

const leasesGivenBackOnce: CommandRule = {
  name: 'what is given back was granted, and is given back once',
  check: (command, { books }) => {
    if (command.kind !== 'return-origin-leases') return undefined
    const strange = command.leaseIds.find(leaseId => !books.leases.has(leaseId))
    return strange === undefined ? undefined : `the lease ${strange} is not ours`
  },
}

const fairBlame: CommandRule = {
  name: 'nobody honest is banned',
  check: (command, { world }) =>
    command.kind === 'ban-peer' && world.isHonest(command.peerId) ? `${command.peerId} is banned for ${command.code}` : undefined,
}

export const COMMAND_RULES: readonly CommandRule[] = [
  knownNames,
  oneOwner,
  nothingTwice,
  wholeBeforeComplete,
  wholeChunks,
  bounded,
  bansHold,
  holdersOnly,
  noCircles,
  patience,
  cancelledFirst,
  leasesLive,
  leasesGivenBackOnce,
  fairBlame,
]

/** @returns the rules that the command breaks, and how. */
export function brokenRules(command: SchedulerCommand, step: Step): { readonly rule: string; readonly reason: string }[] {
  const broken = []
  for (const rule of COMMAND_RULES) {
    const reason = rule.check(command, step)
    if (reason !== undefined) broken.push({ rule: rule.name, reason })
  }
  return broken
}
