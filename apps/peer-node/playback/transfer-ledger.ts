// The books of a peer's traffic: what was received and kept, by source; what was received for nothing; what was sent.
// Not the engine's measurements of speed: nothing is decided from these numbers.
// Invariant: every figure shown anywhere (page, API, heartbeat, metrics) is read from here, and bytes are entered once.

import { Counter, type Registry } from 'prom-client'
import type { SourceKind, SourceSplit } from '../download/chunk-assembly.ts'

/** `bad`: a hash did not fit. `duplicate`: it was here already. `cut-short`: its request ended early. `thrown-away`: it verified, and its chunk was given up. `late`: its fetch had been cancelled. */
export type WasteReason = 'bad' | 'duplicate' | 'cut-short' | 'thrown-away' | 'late'
/** With what right the origin was asked: a `leased` chunk, an `open` one of which nobody said whose it is, or an `override` to be in time. */
export type OriginPermit = 'leased' | 'open' | 'override'
export type ChunkResult = 'stored' | 'rejected' | 'unstored'

/** Bytes since this process started. */
export interface TransferTotals extends SourceSplit {
  readonly sentBytes: number
  readonly wastedBytes: number
  /** Requests to the origin without a lease, to be in time. */
  readonly overrides: number
}

export class TransferLedger {
  readonly #received: Counter<'source'>
  readonly #chunks: Counter<'source' | 'result'>
  readonly #wasted: Counter<'reason'>
  readonly #sent: Counter
  readonly #originRequests: Counter<'permit'>
  readonly #totals = { originBytes: 0, peerBytes: 0, sentBytes: 0, wastedBytes: 0, overrides: 0 }

  constructor(deps: { readonly registry: Registry }) {
    const registers = [deps.registry]
    this.#received = new Counter({
      name: 'evastream_peer_received_bytes_total',
      help: 'Bytes of chunks that were verified and kept, by where they came from',
      labelNames: ['source'],
      registers,
    })
    this.#chunks = new Counter({
      name: 'evastream_peer_chunks_total',
      help: 'Chunks whose blocks were all here, by where those came from and what became of the chunk',
      labelNames: ['source', 'result'],
      registers,
    })
    this.#wasted = new Counter({
      name: 'evastream_peer_wasted_bytes_total',
      help: 'Bytes received and not kept',
      labelNames: ['reason'],
      registers,
    })
    this.#sent = new Counter({ name: 'evastream_peer_sent_bytes_total', help: 'Bytes of blocks sent to other peers', registers })
    this.#originRequests = new Counter({
      name: 'evastream_peer_origin_requests_total',
      help: 'Requests to the origin: with a lease, for what nobody brings (open), or without one to be in time (override)',
      labelNames: ['permit'],
      registers,
    })
    for (const source of ['origin', 'peer'] satisfies SourceKind[]) this.#received.inc({ source }, 0)
  }

  /** Bytes of a chunk whose hash fits. */
  received(split: SourceSplit): void {
    this.#totals.originBytes += split.originBytes
    this.#totals.peerBytes += split.peerBytes
    this.#received.inc({ source: 'origin' }, split.originBytes)
    this.#received.inc({ source: 'peer' }, split.peerBytes)
  }

  chunkStored(split: SourceSplit): void {
    this.#chunks.inc({ source: sourceLabel(split), result: 'stored' })
  }

  /** A chunk that was all here, and either its hash did not fit or the disk did not take it. */
  chunkRefused(split: SourceSplit, result: Exclude<ChunkResult, 'stored'>): void {
    this.#chunks.inc({ source: sourceLabel(split), result })
  }

  wasted(sizeBytes: number, reason: WasteReason): void {
    if (sizeBytes === 0) return
    this.#totals.wastedBytes += sizeBytes
    this.#wasted.inc({ reason }, sizeBytes)
  }

  askedOrigin(permit: OriginPermit): void {
    if (permit === 'override') this.#totals.overrides++
    this.#originRequests.inc({ permit })
  }

  sent(sizeBytes: number): void {
    this.#totals.sentBytes += sizeBytes
    this.#sent.inc(sizeBytes)
  }

  totals(): TransferTotals {
    return { ...this.#totals }
  }
}

function sourceLabel({ originBytes, peerBytes }: SourceSplit): SourceKind | 'mixed' {
  if (originBytes > 0 && peerBytes > 0) return 'mixed'
  return originBytes > 0 ? 'origin' : 'peer'
}
