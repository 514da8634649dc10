// A tracker in miniature: registers peers, notes what they hold, lists them; and forgets everything when a test says so.
// Not the tracker: no expiry, no limits, no sampling; only what a peer can notice of one.
// Invariant: who speaks for a peer must show its token, as with the real one.

import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { StoppableHttp } from './stoppable-http.ts'
import { problem } from './stub-metadata.ts'

interface StubPeer {
  readonly peerId: string
  readonly port: number
  readonly token: string
  readonly songs: Map<string, Set<number>>
}

interface StubCall {
  readonly peerId: string
  readonly port: number
  readonly songId: string
  readonly chunkIds: readonly number[]
  readonly leaseIds?: readonly string[]
  readonly reportedPeerId?: string
  readonly acquired?: { readonly chunkIds: readonly number[] }
}

const LEASE_LIFE_MS = 10_000
const LEASE_RETRY_MS = 100

export class StubTracker extends StoppableHttp {
  readonly #peers = new Map<string, StubPeer>()
  #life = 1
  #tokenCount = 0
  heartbeatIntervalMs = 50
  /** Of whatever kind. */
  requestCount = 0
  /** Of every call: its path and, where it speaks for a peer, who. */
  readonly calls: { readonly path: string; readonly peerId: string; readonly body: Record<string, unknown> }[] = []

  /** Who may fetch which chunk (`songId/chunkId`) from the origin. */
  readonly leases = new Map<string, string>()

  /** As a restart does: another life, and nobody is known. */
  forgetAll(): void {
    this.#life++
    this.leases.clear()
    this.#peers.clear()
  }

  get peerIds(): string[] {
    return [...this.#peers.keys()]
  }

  /** What a peer is known to hold of a song, in ascending order. */
  held(peerId: string, songId: string): number[] {
    return [...(this.#peers.get(peerId)?.songs.get(songId) ?? [])].sort((left, right) => left - right)
  }

  /** Somebody who is not there: registered, listed and never answering. */
  addPeer(peer: { readonly peerId: string; readonly port: number; readonly songId?: string; readonly chunkIds?: readonly number[] }): void {
    const songs = new Map(peer.songId === undefined ? [] : [[peer.songId, new Set(peer.chunkIds)]])
    this.#peers.set(peer.peerId, { peerId: peer.peerId, port: peer.port, token: 'of-somebody-else', songs })
  }

  protected override answer(request: IncomingMessage, response: ServerResponse): void {
    this.requestCount++
    const url = new URL(request.url ?? '/', this.url)
    if (request.method === 'GET') this.#list(url, response)
    else void this.#call(url.pathname, request, response)
  }

  async #call(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    request.on('data', part => parts.push(part))
    await once(request, 'end')
    const body = JSON.parse(Buffer.concat(parts).toString()) as StubCall
    this.calls.push({ path, peerId: body.peerId, body: { ...body } })
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    const outcome = path === '/register' ? this.#register(body, token) : this.#speak(path, body, token)
    if (typeof outcome === 'string')
      problem(response, outcome === 'EVA_PEER_ID_TAKEN' ? 409 : outcome === 'EVA_TOKEN_REJECTED' ? 403 : 404, outcome)
    else reply(response, path === '/register' ? 201 : 200, outcome)
  }

  /** The reply's body, or the code of the refusal. */
  #register({ peerId, port }: StubCall, shown: string | undefined): object | string {
    const living = this.#peers.get(peerId)
    if (living !== undefined && living.token !== shown) return 'EVA_PEER_ID_TAKEN'
    const token = shown ?? `token-${++this.#tokenCount}`
    this.#peers.set(peerId, { peerId, port, token, songs: new Map() })
    const { heartbeatIntervalMs } = this
    const times = { heartbeatIntervalMs, expiresAfterMs: 3 * heartbeatIntervalMs }
    return { peerId, token, bootId: `life-${this.#life}`, ...times, observedHost: '127.0.0.1' }
  }

  #speak(path: string, call: StubCall, token: string | undefined): object | string {
    const { peerId, songId, chunkIds, leaseIds = [], reportedPeerId, acquired } = call
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return 'EVA_PEER_UNKNOWN'
    if (peer.token !== token) return 'EVA_TOKEN_REJECTED'
    if (path === '/heartbeat') return { bootId: `life-${this.#life}` }
    if (path === '/origin-lease') {
      if (acquired !== undefined) this.#tell(peer, songId, { chunkIds: acquired.chunkIds, isHeld: true })
      return this.#lease(peer, songId, chunkIds)
    }
    if (path === '/origin-lease-returned') return this.#takeBack(peer, songId, leaseIds)
    if (path === '/peer-report') return { reportedPeerId }
    if (path === '/deregister') {
      this.#peers.delete(peerId)
      return { peerId }
    }
    return { songId, chunksHeld: this.#tell(peer, songId, { chunkIds, isHeld: path === '/chunk-acquired' }) }
  }

  #tell(peer: StubPeer, songId: string, { chunkIds, isHeld }: { readonly chunkIds: readonly number[]; readonly isHeld: boolean }): number {
    const held = peer.songs.get(songId) ?? new Set<number>()
    peer.songs.set(songId, held)
    for (const chunkId of chunkIds) {
      if (this.leases.get(`${songId}/${chunkId}`) === peer.peerId) this.leases.delete(`${songId}/${chunkId}`)
      if (isHeld) held.add(chunkId)
      else held.delete(chunkId)
    }
    return held.size
  }

  /** One lease for each chunk that nobody else holds or has leased; it lasts until it is given back or the chunk is announced. */
  #lease(peer: StubPeer, songId: string, chunkIds: readonly number[]): object {
    const granted: object[] = []
    const waiting: object[] = []
    for (const chunkId of chunkIds) {
      const key = `${songId}/${chunkId}`
      const holder = this.#holderOf(songId, chunkId, peer)
      const leaseholder = this.#peers.get(this.leases.get(key) ?? peer.peerId) ?? peer
      const other = holder ?? (leaseholder === peer ? undefined : leaseholder)
      if (other === undefined) {
        this.leases.set(key, peer.peerId)
        granted.push({ chunkId, leaseId: `${peer.peerId}:${key}`, expiresInMs: LEASE_LIFE_MS })
      } else {
        const named = { peerId: other.peerId, host: '127.0.0.1', port: other.port }
        waiting.push({ chunkId, reason: holder === undefined ? 'leased' : 'held', holder: named, retryAfterMs: LEASE_RETRY_MS })
      }
    }
    return { songId, granted, waiting }
  }

  #takeBack({ peerId }: StubPeer, songId: string, leaseIds: readonly string[]): object {
    let returned = 0
    for (const leaseId of leaseIds) {
      const key = leaseId.slice(peerId.length + 1)
      if (this.leases.get(key) === peerId && this.leases.delete(key)) returned++
    }
    return { songId, returned }
  }

  #holderOf(songId: string, chunkId: number, asker: StubPeer): StubPeer | undefined {
    return [...this.#peers.values()].find(peer => peer !== asker && peer.songs.get(songId)?.has(chunkId) === true)
  }

  #list(url: URL, response: ServerResponse): void {
    const [songId, excluded] = [url.searchParams.get('songId') ?? '', url.searchParams.get('exclude')]
    const holders = [...this.#peers.values()].filter(peer => peer.peerId !== excluded && (peer.songs.get(songId)?.size ?? 0) > 0)
    const peers = holders.map(({ peerId, port, songs }) => ({ peerId, host: '127.0.0.1', port, chunks: [...(songs.get(songId) ?? [])] }))
    reply(response, 200, { songId, peers })
  }
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
