// A metadata service that songs can be published to, as far as a publisher sees it: token, conflict, the same again.
// Not the service: it keeps songs in memory and believes their numbers.
// Invariant: a publication is stored whole or not at all, and `published` holds exactly what was answered or stored.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import type { PublishBody } from '@evastream/protocol/metadata-http'
import { StoppableHttp } from './stoppable-http.ts'
import { problem } from './stub-metadata.ts'

/** What happens to the next publications instead of an answer: the connection stays open and silent. */
export type PublishingFault = 'none' | 'hang-before-storing' | 'hang-after-storing'

export class PublishingDesk extends StoppableHttp {
  readonly published = new Map<string, PublishBody>()
  /** `METHOD path` of every request, in order. */
  readonly asked: string[] = []
  readonly #token: string
  #fault: PublishingFault = 'none'
  #onPublication: () => void = () => {}

  constructor(options: { readonly token: string }) {
    super()
    this.#token = options.token
  }

  /** @param onPublication told when a publication has arrived, and was stored if the fault says so */
  fail(fault: PublishingFault, onPublication: () => void = () => {}): void {
    this.#fault = fault
    this.#onPublication = onPublication
  }

  protected override answer(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '' } = request
    this.asked.push(`${method} ${url}`)
    const songId = decodeURIComponent(/^\/metadata\/([^/?]+)$/.exec(url)?.[1] ?? '')
    if (method === 'GET') this.#find(response, songId)
    else if (request.headers.authorization === undefined) problem(response, 401, 'EVA_TOKEN_REQUIRED')
    else if (request.headers.authorization !== `Bearer ${this.#token}`) problem(response, 403, 'EVA_TOKEN_REJECTED')
    else if (method === 'POST' && url === '/metadata') void this.#publish(request, response)
    else problem(response, 400, 'EVA_REQUEST_INVALID', { reason: 'an edit of nothing' })
  }

  #find(response: ServerResponse, songId: string): void {
    const song = this.published.get(songId)
    if (song === undefined) {
      problem(response, 404, 'EVA_SONG_NOT_FOUND', { songId })
      return
    }
    const { blockHashes: _left, ...manifest } = song
    json(response, 200, manifest)
  }

  async #publish(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Uint8Array[] = []
    for await (const part of request) parts.push(part as Uint8Array)
    const song = JSON.parse(Buffer.concat(parts).toString()) as PublishBody
    const known = this.published.get(song.id)
    if (this.#fault !== 'hang-before-storing' && known === undefined) this.published.set(song.id, song)
    this.#onPublication()
    if (this.#fault !== 'none') return
    const { blockHashes: _left, chunks: _alsoLeft, ...summary } = song
    if (known === undefined) json(response, 201, summary)
    else if (isDeepStrictEqual(known, song)) json(response, 200, summary)
    else problem(response, 409, 'EVA_SONG_CONFLICT', { songId: song.id })
  }
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}
