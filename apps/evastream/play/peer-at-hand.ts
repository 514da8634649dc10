// The peer that a play goes through: the one that runs on this machine, or one of our own for the time of the play.
// Not the play itself: commands/play.ts.
// Invariant: a peer that was running is left as it was; one of our own is closed, and leaves files only where a listener keeps them.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PeerClient } from '@evastream/clients/peer-client'
import { EvaError, toEvaError } from '@evastream/core/errors'
import type { PeerNodeValues } from '@evastream/peer-node/config'
import type { PeerNode } from '@evastream/peer-node/peer-node'
import type { Logger } from '@evastream/service-kit/logger'
import { randomToken } from '@evastream/service-kit/token-generator'

export interface PeerAtHand {
  readonly client: PeerClient
  readonly isOwn: boolean
  close(): Promise<void>
}

export interface PeerWish {
  /** Undefined: the running one at the default address, if it is there. */
  readonly peerUrl: string | undefined
  /** Somebody said how their own peer is to be: then it is not the running one. */
  readonly wantsOwn: boolean
  readonly ownValues: PeerNodeValues
}

/** The address of the first peer that runs on a machine. */
export const DEFAULT_PEER_URL = 'http://127.0.0.1:8090'

const LOOK_TIMEOUT_MS = 1000
const CALL_TIMEOUT_MS = 15_000

/** @throws EvaError of the call when the peer that was named does not answer, or what hinders a peer from starting */
export async function peerAtHand({ peerUrl, wantsOwn, ownValues }: PeerWish, logger: Logger): Promise<PeerAtHand> {
  if (peerUrl !== undefined) {
    const named = running(peerUrl)
    const failure = await named.client.status().then(() => undefined, toEvaError)
    if (failure === undefined) return named
    await named.close()
    throw failure
  }
  return (wantsOwn ? undefined : await runningPeer()) ?? (await ownPeer(ownValues, logger))
}

async function runningPeer(): Promise<PeerAtHand | undefined> {
  const found = running(DEFAULT_PEER_URL)
  if (await found.client.isThere(AbortSignal.timeout(LOOK_TIMEOUT_MS))) return found
  await found.close()
  return undefined
}

function running(baseUrl: string): PeerAtHand {
  const client = new PeerClient({ baseUrl, timeoutMs: CALL_TIMEOUT_MS })
  return { client, isOwn: false, close: () => client.close() }
}

async function ownPeer(values: PeerNodeValues, logger: Logger): Promise<PeerAtHand> {
  try {
    return await startOwn(values, logger)
  } catch (thrown) {
    // Another peer of this listener has the kept cache, at an address that was not named: this play does without a cache.
    if (!(thrown instanceof EvaError) || thrown.code !== 'EVA_DIRECTORY_LOCKED' || values['peer.id'] !== undefined) throw thrown
  }
  const data = await mkdtemp(join(tmpdir(), 'evastream-play-'))
  const forget = () => rm(data, { recursive: true, force: true })
  try {
    return await startOwn({ ...values, data, 'peer.id': `play-${randomToken(9)}` }, logger, forget)
  } catch (thrown) {
    await forget()
    throw thrown
  }
}

async function startOwn(values: PeerNodeValues, logger: Logger, forget?: () => Promise<void>): Promise<PeerAtHand> {
  const { startPeerNode } = await import('@evastream/peer-node/main')
  const node: PeerNode = await startPeerNode(values, logger)
  const client = new PeerClient({ baseUrl: node.url, timeoutMs: CALL_TIMEOUT_MS })
  return {
    client,
    isOwn: true,
    close: async () => {
      await client.close()
      await node.close()
      await forget?.()
    },
  }
}
