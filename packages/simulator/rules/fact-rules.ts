// What must be true of the world itself, whatever any Scheduler believes: bytes, slots, sums.
// Not about commands: command-rules.ts.
// Invariant: a fact is checked when it happens, so the first wrong byte ends the run.

import type { ChunkId, PeerId, SongId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { Fact } from '../records/simulation-observer.ts'
import type { FactRule } from './rule.ts'

type LeaseGranted = Extract<Fact, { readonly kind: 'lease-granted' }>
type LeasesOver = Extract<Fact, { readonly kind: 'leases-over' }>

const VERIFIED_ONLY: FactRule = {
  name: 'nothing unverified is stored, served or played',
  check: fact => {
    if (fact.kind !== 'stored' && fact.kind !== 'served' && fact.kind !== 'played') return undefined
    return fact.isGood ? undefined : `wrong bytes of chunk ${fact.chunkId} of ${fact.songId} were ${fact.kind}`
  },
}

const SLOTS: FactRule = {
  name: 'uploads stay within their slots',
  check: fact =>
    fact.kind === 'uploading' && fact.activeCount > fact.slotsMax
      ? `${fact.activeCount} runs are being sent and there are ${fact.slotsMax} slots`
      : undefined,
}

/** What is handed on before its chunk is stored matched its own hash in this very process. */
function verifiedFirst(): FactRule {
  const verified = new Map<PeerId, Set<string>>()
  return {
    name: 'a block is handed on only after it verified',
    check: (fact, peerId) => {
      if (fact.kind !== 'verified' && fact.kind !== 'relayed') return undefined
      const key = `${fact.songId}/${fact.chunkId}/${fact.block}`
      const known = verified.get(peerId)
      if (fact.kind === 'relayed')
        return known?.has(key) === true ? undefined : `block ${fact.block} of chunk ${fact.chunkId} of ${fact.songId} never verified here`
      if (known === undefined) verified.set(peerId, new Set([key]))
      else known.add(key)
      return undefined
    },
    ended: peerId => {
      verified.delete(peerId)
      return undefined
    },
  }
}

/** Every byte received is stored, wasted for a reason, or still in a buffer; when the process is over there are no buffers. */
function accounted(): FactRule {
  const spareBytes = new Map<PeerId, number>()
  const add = (peerId: PeerId, bytes: number): number => {
    const sum = (spareBytes.get(peerId) ?? 0) + bytes
    spareBytes.set(peerId, sum)
    return sum
  }
  return {
    name: 'every byte is accounted for once',
    check: (fact, peerId) => {
      const sum = add(peerId, balanceOf(fact))
      return sum < 0 ? `${-sum} more bytes were stored or wasted than received` : undefined
    },
    ended: peerId => {
      const sum = spareBytes.get(peerId) ?? 0
      spareBytes.delete(peerId)
      return sum > 0 ? `${sum} bytes were received and neither stored nor wasted` : undefined
    },
  }
}

interface WatchedLease {
  readonly peerId: PeerId
  readonly songId: SongId
  readonly chunkId: ChunkId
  readonly isWhole: boolean
  expiresAt: Millis
}

const FIRST_CHUNK_EXTRAS_MAX = 15

/** The leases alive of a chunk, and its holders, are no more than the budget; the first chunk's beginning alone may be fetched by a few more. */
function budgetKept(): FactRule {
  const alive = new Map<string, WatchedLease>()
  const othersOf = ({ leaseId, songId, chunkId, at }: LeaseGranted) =>
    [...alive].filter(([id, lease]) => id !== leaseId && lease.songId === songId && lease.chunkId === chunkId && lease.expiresAt > at)
  return {
    name: 'no more leases of a chunk are alive than the budget allows',
    check: (fact, peerId) => {
      if (fact.kind === 'tracker-forgot') alive.clear()
      if (fact.kind === 'leases-over')
        for (const [leaseId, lease] of alive) if (lease.peerId === peerId && isOver(fact, leaseId, lease)) alive.delete(leaseId)
      if (fact.kind !== 'lease-granted') return undefined
      const { leaseId, songId, chunkId, firstBlocks, at, expiresInMs } = fact
      const isKnown = alive.has(leaseId)
      const others = othersOf(fact)
      alive.set(leaseId, { peerId, songId, chunkId, isWhole: firstBlocks === undefined, expiresAt: at + expiresInMs })
      return isKnown
        ? undefined
        : excessOf(
            fact,
            others.map(([, lease]) => lease),
          )
    },
  }
}

function excessOf(
  { chunkId, songId, firstBlocks, holderCount, originCopies }: LeaseGranted,
  others: readonly WatchedLease[],
): string | undefined {
  const wholeCount = others.filter(({ isWhole }) => isWhole).length
  if (firstBlocks === undefined && wholeCount + holderCount >= originCopies)
    return `chunk ${chunkId} of ${songId} was leased once more, with ${wholeCount} leases alive and ${holderCount} holders`
  if (firstBlocks !== undefined && (chunkId !== 0 || holderCount > 0 || others.length - wholeCount >= FIRST_CHUNK_EXTRAS_MAX))
    return `the beginning of chunk ${chunkId} of ${songId} was leased once more, with ${others.length} leases alive and ${holderCount} holders`
  return undefined
}

function isOver({ songId, chunkIds, leaseIds }: LeasesOver, leaseId: string, lease: WatchedLease): boolean {
  if (leaseIds !== undefined) return leaseIds.includes(leaseId)
  return songId === undefined || (lease.songId === songId && chunkIds?.includes(lease.chunkId) === true)
}

function balanceOf(fact: Fact): number {
  if (fact.kind === 'received') return fact.sizeBytes
  return fact.kind === 'wasted' || fact.kind === 'stored' ? -fact.sizeBytes : 0
}

export function factRules(): readonly FactRule[] {
  return [VERIFIED_ONLY, SLOTS, verifiedFirst(), accounted(), budgetKept()]
}
