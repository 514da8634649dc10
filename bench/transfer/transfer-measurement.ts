// One crowd that downloads one song, all at once, over loopback: what it cost all processes together, and where the bytes came from.
// Not a judge: bars stand in main.ts.
// Invariant: starting and stopping processes is not counted; nothing is asked of them while the bytes flow.

import { readFile } from 'node:fs/promises'
import { systemClock, systemTimers } from '@evastream/service-kit/system-clock'
import { eventually } from '@evastream/testkit/eventually'
import type { ServiceProcess } from '../../apps/evastream/demo/service-process.ts'
import type { BenchTown } from '../bench-town.ts'
import { cpuSecondsOf, peakMemoryBytesOf } from './process-figures.ts'

export interface Crowd {
  readonly peerCount: number
  readonly songBytes: number
  /** For the first peer only: a profile of one shows what all do. */
  readonly profileDirectory?: string | undefined
}

export interface TransferFigures {
  /** From the first wish to the last byte. */
  readonly seconds: number
  /** Of all processes, for each 1e9 bytes that one of the peers wanted. */
  readonly cpuSecondsPerGb: number
  /** By the origin's own count of what it sent. */
  readonly originCopies: number
  readonly wastedRatio: number
  /** Of the peer that had most. */
  readonly peakPeerBytes: number
  readonly cpuSeconds: Readonly<Record<string, number>>
}

const DEADLINE_MS = 300_000
/** The services and peers do what they do after a start, and it is not measured. */
const SETTLE_MS = 1500

export async function measureTransfer(town: BenchTown, crowd: Crowd): Promise<TransferFigures> {
  const { peerCount, songBytes, profileDirectory } = crowd
  const profiled =
    profileDirectory === undefined ? [] : ['sh', '-c', `n=$1; shift; exec $n --cpu-prof --cpu-prof-dir=${profileDirectory} $@`, 'sh']
  const songId = await town.publish(songBytes)
  const peers = await Promise.all(
    Array.from({ length: peerCount }, (_, index) =>
      town.startPeer(`${songId}-peer-${index + 1}`, { through: index === 0 ? profiled : [] }),
    ),
  )
  await new Promise<void>(resolve => void systemTimers.after(SETTLE_MS, resolve))
  const processes = [...town.services, ...peers]
  const sentBefore = await town.originSentBytes()
  const before = processes.map(cpuSecondsOf)
  const startedAt = systemClock.now()
  await Promise.all(peers.map(peer => fetch(`${peer.url}/api/songs/${songId}/download`, { method: 'POST' })))
  await Promise.all(peers.map(peer => whenComplete(town, peer)))
  const seconds = (systemClock.now() - startedAt) / 1000
  const spent = processes.map((process, index) => cpuSecondsOf(process) - (before[index] ?? 0))
  const originBytes = (await town.originSentBytes()) - sentBefore
  const peakPeerBytes = Math.max(...peers.map(peakMemoryBytesOf))
  const statuses = await Promise.all(peers.map(peer => town.status(peer)))
  await Promise.all(peers.map(peer => town.stopPeer(peer)))
  const wantedBytes = peerCount * songBytes
  const sum = (figures: readonly number[]) => figures.reduce((total, figure) => total + figure, 0)
  return {
    seconds,
    cpuSecondsPerGb: sum(spent) / (wantedBytes / 1e9),
    originCopies: originBytes / songBytes,
    wastedRatio: sum(statuses.map(({ wastedBytes }) => wastedBytes)) / wantedBytes,
    peakPeerBytes,
    cpuSeconds: Object.fromEntries(processes.map(({ name }, index) => [name, spent[index] ?? 0])),
  }
}

/** Read from its log, which costs the peer nothing. */
async function whenComplete(town: BenchTown, peer: ServiceProcess): Promise<void> {
  const path = town.logPathOf(peer)
  const isComplete = async () => (await readFile(path, 'utf8')).includes('the song is complete')
  await eventually(`${peer.name} has the song`, isComplete, { deadlineMs: DEADLINE_MS, intervalMs: 20 })
}
