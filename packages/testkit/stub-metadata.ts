// A metadata service that knows the songs it is given, and can be stopped and started again on its port.
// Not the service: it publishes nothing and checks nothing.
// Invariant: its answers for a known song are those of the real one: the manifest, and the block hashes or EVA_NO_BLOCKS.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { SongFixture } from './song-fixture.ts'
import { StoppableHttp } from './stoppable-http.ts'

export class StubMetadata extends StoppableHttp {
  readonly #songs = new Map<string, { readonly song: SongFixture; readonly hasBlockHashes: boolean }>()
  /** Paths asked for, in order. */
  readonly asked: string[] = []

  add(song: SongFixture, options: { readonly hasBlockHashes?: boolean } = {}): void {
    this.#songs.set(song.manifest.id, { song, hasBlockHashes: options.hasBlockHashes ?? true })
  }

  protected override answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? ''
    this.asked.push(path)
    const [, songId = '', blocks] = /^\/metadata\/([^/?]+)(\/blocks)?$/.exec(path) ?? []
    const known = this.#songs.get(decodeURIComponent(songId))
    if (known === undefined) problem(response, 404, 'EVA_SONG_NOT_FOUND', { songId })
    else if (blocks === undefined) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(known.song.manifest))
    } else if (known.hasBlockHashes) {
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(known.song.blockHashes)
    } else problem(response, 404, 'EVA_NO_BLOCKS', { songId })
  }
}

/** A reply in the form of the house's errors. */
export function problem(response: ServerResponse, status: number, code: string, details: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/problem+json' })
  response.end(JSON.stringify({ ...details, code, status, title: code, type: `urn:evastream:error:${code}` }))
}
