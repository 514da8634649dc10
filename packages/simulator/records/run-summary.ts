// An outcome in words: the world in a sentence, what came of it, what it cost, and what went wrong in it.
// Not the trace, which has every step; this is what a person reads first.
// Invariant: a bad outcome always ends with the command that plays it again.

import { KIB, MIB, SECOND_MS } from '@evastream/core/units'
import type { Outcome } from '../simulation.ts'
import type { AdversaryPlan, PeerPlan, SongPlan, WorldPlan } from '../worlds/world-plan.ts'
import type { PeerAccount } from './ledger.ts'

export function summaryOf(outcome: Outcome): string {
  const { seed, isGood, plan, faults, violations, missing } = outcome
  return [
    `seed ${seed}: ${isGood ? 'good' : 'BAD'}`,
    `  world    ${worldSentence(plan)}`,
    `  outcome  ${outcomeSentence(outcome)}`,
    `  bytes    ${bytesSentence(outcome)}`,
    ...plan.peers.flatMap(({ peerId }) => {
      const account = outcome.peers.get(peerId)
      return account === undefined ? [] : [`           ${accountSentence(peerId, account)}`]
    }),
    `  faults   ${faults.length === 0 ? 'none' : faults.join('\n           ')}`,
    ...violations.map(
      ({ at, peerId, rule, reason }) => `  BROKEN   "${rule}" at ${seconds(at)}${peerId === undefined ? '' : ` by ${peerId}`}: ${reason}`,
    ),
    ...missing.map(sentence => `  MISSING  ${sentence}`),
    ...(isGood ? [] : [`  replay   npm run sim -- --seed ${seed} --trace -`]),
  ].join('\n')
}

/** One line, for runs of many seeds. */
export function summaryLine(outcome: Outcome): string {
  const { seed, isGood, endedAt, originBytes, peerBytes, wastedBytes, faults, stepCount } = outcome
  const bytes = `${size(originBytes)} origin, ${size(peerBytes)} peers, ${size(wastedBytes)} wasted`
  return `seed=${seed} ${isGood ? 'good' : 'BAD'} ${seconds(endedAt)}, ${bytes}, ${faults.length} faults, ${stepCount} steps`
}

export function worldSentence({ songs, peers, adversaries, engine }: WorldPlan): string {
  const numbers = Object.entries(engine).map(([name, value]) => `${name} ${value}`)
  return [
    songs.map(songWords).join(' and '),
    `${counted(peers.length, 'peer', 'peers')} (${listed(peers.map(peerWords))})`,
    ...(adversaries.length === 0
      ? []
      : [`${counted(adversaries.length, 'adversary', 'adversaries')} (${listed(adversaries.map(adversaryWords))})`]),
    ...(numbers.length === 0 ? [] : [`with ${numbers.join(', ')}`]),
  ].join('; ')
}

/** So many by name, and how many more: a crowd is not read to its end. */
const LISTED_MAX = 8

function listed(names: readonly string[]): string {
  const rest = names.length - LISTED_MAX
  return rest > 0 ? `${names.slice(0, LISTED_MAX).join(', ')} and ${rest} more` : names.join(', ')
}

function songWords({ songId, shape, hasBlockHashes, flaw }: SongPlan): string {
  const last = shape.fileSize - (shape.chunkCount - 1) * shape.chunkSize
  const chunks = shape.chunkCount === 1 ? `one chunk` : `${shape.chunkCount} chunks of ${size(shape.chunkSize)}, the last of`
  const hashes = hasBlockHashes ? 'with block hashes' : 'without block hashes'
  const wrong = flaw === undefined ? '' : `, the ${flaw.wrong.replace('-', ' ')} of chunk ${flaw.chunkId} wrong`
  return `${songId} (${chunks} ${size(last)}, ${hashes}${wrong})`
}

function peerWords({ peerId, joinsAt, songs, listens, leavesAt }: PeerPlan): string {
  const held = songs.reduce((sum, { heldAtStart }) => sum + heldAtStart.length, 0)
  const parts = [
    `${peerId} from ${seconds(joinsAt)}`,
    ...(leavesAt === undefined ? [] : [`to ${seconds(leavesAt)}`]),
    ...(held === 0 ? [] : [`with ${counted(held, 'chunk', 'chunks')}`]),
    ...(songs.some(({ interest }) => interest === 'seed') ? ['fetching'] : []),
    ...(listens.length === 0 ? [] : ['listening']),
  ]
  return parts.join(' ')
}

function adversaryWords({ peerId, manner, joinsAt }: AdversaryPlan): string {
  return `${peerId} ${manner.replaceAll('-', ' ')} from ${seconds(joinsAt)}`
}

function outcomeSentence({ missing, violations, endedAt, plan, stallCount, waitedMs, banCount, stepCount }: Outcome): string {
  const end = missing.length > 0 || violations.length > 0 ? 'not finished' : 'everything wanted is there'
  const healed = `healed at ${seconds(plan.healsAt)}`
  const waits =
    stallCount === 0 ? 'no listener waited' : `listeners waited ${counted(stallCount, 'time', 'times')}, ${seconds(waitedMs)} in all`
  return `${end} after ${seconds(endedAt)} of virtual time (${healed}); ${waits}; ${counted(banCount, 'ban', 'bans')}, ${stepCount} scheduler steps`
}

function bytesSentence({ originBytes, peerBytes, wastedBytes, wastedByReason }: Outcome): string {
  const reasons = [...wastedByReason].map(([reason, bytes]) => `${reason} ${size(bytes)}`).join(', ')
  return `${size(originBytes)} from the origin, ${size(peerBytes)} from peers, ${size(wastedBytes)} wasted${reasons === '' ? '' : ` (${reasons})`}`
}

function accountSentence(peerId: string, { originBytes, peerBytes, sentBytes, wastedBytes }: PeerAccount): string {
  return `${peerId}: ${size(originBytes)} origin, ${size(peerBytes)} peers, ${size(sentBytes)} sent on, ${size(wastedBytes)} wasted`
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`
}

function size(bytes: number): string {
  if (bytes < KIB) return `${bytes} B`
  return bytes < MIB ? `${(bytes / KIB).toFixed(1)} KiB` : `${(bytes / MIB).toFixed(1)} MiB`
}

function seconds(ms: number): string {
  return `${(ms / SECOND_MS).toFixed(1)} s`
}
