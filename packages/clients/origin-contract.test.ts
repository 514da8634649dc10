import type { IncomingMessage, ServerResponse } from 'node:http'
import { chunkSourceContract, type SourceUnderTest } from '@evastream/testkit/chunk-source-contract'
import { loopbackHttp } from '@evastream/testkit/loopback-http'
import type { SongFixture } from '@evastream/testkit/song-fixture'
import { OriginClient } from './origin-client.ts'

/** An origin in a few lines: Range or not, and only what the suite does to it. */
async function originOf(song: SongFixture): Promise<SourceUnderTest> {
  const withheld = new Set<number>()
  let isStalled = false
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    const chunkId = Number(new URL(request.url ?? '', 'http://origin').searchParams.get('chunkId'))
    if (isStalled) return
    if (withheld.has(chunkId)) return void response.writeHead(404).end()
    const bytes = song.chunkBytes(chunkId)
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    if (first === undefined) return void response.writeHead(200, { 'content-length': bytes.length }).end(bytes)
    const part = bytes.subarray(Number(first), Number(last) + 1)
    const range = `bytes ${first}-${Number(first) + part.length - 1}/${bytes.length}`
    return void response.writeHead(206, { 'content-range': range, 'content-length': part.length }).end(part)
  }
  const server = await loopbackHttp(serve)
  const client = new OriginClient({ baseUrl: server.url })
  let isGone = false
  const vanish = async () => {
    if (!isGone) await server.close()
    isGone = true
  }
  return {
    source: client,
    withhold: chunkId => withheld.add(chunkId),
    stall: () => {
      isStalled = true
    },
    resume: () => {
      isStalled = false
    },
    vanish,
    async close() {
      await client.close()
      await vanish()
    },
  }
}

chunkSourceContract('the origin over HTTP', {
  makeSource: originOf,
  codes: { missing: 'EVA_ORIGIN_CHUNK_MISSING', gone: ['EVA_ORIGIN_UNREACHABLE', 'EVA_ORIGIN_TRUNCATED'] },
})
