// Counts what a run moved: bytes by source, waste by reason, stalls, troubles and faults.
// Not a judge: the checkers say what is wrong, the ledger says how much of everything there was.
// Invariant: it only watches.

import type { ErrorCode } from '@evastream/core/errors'
import type { PeerId } from '@evastream/core/ids'
import type { Millis } from '@evastream/core/units'
import type { SchedulerCommand } from '@evastream/engine/commands'
import type { SchedulerEvent } from '@evastream/engine/events'
import type { Fact, SimulationObserver } from './simulation-observer.ts'

export interface PeerAccount {
  originBytes: number
  peerBytes: number
  sentBytes: number
  wastedBytes: number
  storedBytes: number
  stallCount: number
  /** How long listeners waited for music, first sounds and jumps included. */
  waitedMs: number
  banCount: number
  readonly troubles: Set<ErrorCode>
}

export class Ledger implements SimulationObserver {
  readonly accounts = new Map<PeerId, PeerAccount>()
  readonly faults: string[] = []
  readonly wastedByReason = new Map<string, number>()
  stepCount = 0
  lastStoredAt: Millis = 0

  account(peerId: PeerId): PeerAccount {
    const account = this.accounts.get(peerId) ?? newAccount()
    this.accounts.set(peerId, account)
    return account
  }

  total(field: 'originBytes' | 'peerBytes' | 'wastedBytes' | 'stallCount' | 'waitedMs' | 'banCount'): number {
    let sum = 0
    for (const account of this.accounts.values()) sum += account[field]
    return sum
  }

  started(): void {}

  ended(): void {}

  handled(peerId: PeerId, _event: SchedulerEvent, commands: readonly SchedulerCommand[]): void {
    this.stepCount++
    for (const command of commands) if (command.kind === 'ban-peer') this.account(peerId).banCount++
  }

  fact(at: Millis, peerId: PeerId, fact: Fact): void {
    const account = this.account(peerId)
    if (fact.kind === 'received') account[fact.from === 'origin' ? 'originBytes' : 'peerBytes'] += fact.sizeBytes
    else if (fact.kind === 'served') account.sentBytes += fact.sizeBytes
    else if (fact.kind === 'stored') {
      account.storedBytes += fact.sizeBytes
      this.lastStoredAt = at
    } else if (fact.kind === 'stalled') account.stallCount++
    else if (fact.kind === 'resumed') account.waitedMs += fact.waitedMs
    else if (fact.kind === 'trouble') account.troubles.add(fact.code)
    else if (fact.kind === 'wasted') {
      account.wastedBytes += fact.sizeBytes
      this.wastedByReason.set(fact.reason, (this.wastedByReason.get(fact.reason) ?? 0) + fact.sizeBytes)
    }
  }

  fault(_at: Millis, sentence: string): void {
    this.faults.push(sentence)
  }
}

function newAccount(): PeerAccount {
  return {
    originBytes: 0,
    peerBytes: 0,
    sentBytes: 0,
    wastedBytes: 0,
    storedBytes: 0,
    stallCount: 0,
    waitedMs: 0,
    banCount: 0,
    troubles: new Set(),
  }
}
