import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { connect, createServer, type Server } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { mp3Bytes } from '@evastream/testkit/audio-fixtures'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LoopbackTown, type PublishedFile, portOf, runCommand, sha256Of } from './loopback-town.ts'

// What users and strangers get wrong: one sentence, a next step, an exit code or a status, and nothing lost.

let town: LoopbackTown
let song: PublishedFile
let occupied: Server
let occupiedPort: number

beforeAll(async () => {
  town = await LoopbackTown.open()
  song = await town.publish({ songId: 'song-1', sizeBytes: 100_000 })
  await town.startPeer('listener')
  await writeFile(town.path('good.mp3'), mp3Bytes({ seed: 5, sizeBytes: 50_000 }))
  await writeFile(town.path('empty.mp3'), '')
  await writeFile(town.path('plain-file'), 'x')
  await mkdir(town.path('directory'))
  occupied = createServer()
  await new Promise<void>(resolve => void occupied.listen(0, '127.0.0.1', resolve))
  occupiedPort = (occupied.address() as { port: number }).port
})

afterAll(async () => {
  occupied.close()
  await town.close()
})

/** `{town}`, `{port}` and `{metadata}` are filled in, as they are not known when the tables are written. */
function filled(words: readonly string[]): string[] {
  const [metadata, tracker] = [town.url('metadata'), town.url('tracker')]
  const facts: Readonly<Record<string, string>> = { town: town.directory, port: String(occupiedPort), metadata, tracker }
  return words.map(word => word.replace(/\{(\w+)\}/g, (_, name: string) => facts[name] ?? name))
}

const PREPROCESS = ['preprocess', '--storage={town}/origin-storage', '--data={town}/metadata', '--metadata={metadata}']

describe('on the command line', () => {
  test.each<[string, string[], number, RegExp]>([
    ['an unknown verb', ['per'], 2, /There is no verb "per"\. Did you mean "peer"\?/],
    ['no verb', [], 2, /Usage: evastream/],
    ['a word after version', ['version', '--foo'], 2, /"--foo" is not expected/],
    ['a colour in a verb', ['\u001b[31mred'], 2, /^evastream \\u001b\[31mred: There is no verb/],
    ['an unknown flag', ['tracker', '--prot=1'], 2, /The flag --prot is not known; did you mean --port\?/],
    ['a flag without its value', ['peer', '--peer.id='], 2, /--peer\.id needs a value/],
    ['a flag given twice', ['origin', '--port=1', '--port=2'], 2, /--port is given more than once/],
    ['a port that is no number', ['origin', '--port=http'], 2, /--port is not valid/],
    ['a port past the last', ['origin', '--port=65536'], 2, /from 0 to 65535/],
    ['a negative port', ['origin', '--port=-1'], 2, /--port/],
    ['a word too many', ['get', 'a', 'b', '--output=x'], 2, /"b" is not expected/],
    ['get without a song', ['get', '--output=x'], 2, /songId is missing/],
    ['get without an output', ['get', 'song-1'], 2, /--output is missing/],
    ['get into a directory', ['get', 'song-1', '--output={town}/directory'], 2, /it names a directory/],
    ['get into a directory that is not there', ['get', 'song-1', '--output={town}/none/x.mp3'], 2, /does not exist/],
    ['get of a path', ['get', '../../etc/passwd', '--output={town}/x'], 2, /"\.\.\/\.\.\/etc\/passwd" is not a song id/],
    ['a peer id that is a path', ['peer', '--peer.id=../../etc/passwd'], 2, /--peer\.id is not valid/],
    ['too few peers in the demo', ['demo', '--peers=0'], 2, /--peers is not valid/],
    ['a service address that is none', ['tracker', '--metadata=localhost'], 2, /--metadata is not valid/],
    ['a chunk size of 0', [...PREPROCESS, '--input={town}/good.mp3', '--chunkSize=0'], 2, /--chunkSize is not valid.*16384.*4194304/],
    ['a negative chunk size', [...PREPROCESS, '--input={town}/good.mp3', '--chunkSize=-262144'], 2, /--chunkSize/],
    ['a chunk size that is too large', [...PREPROCESS, '--input={town}/good.mp3', '--chunkSize=4194305'], 2, /--chunkSize/],
    ['a song id that is a path', [...PREPROCESS, '--input={town}/good.mp3', '--songId=../../etc/passwd'], 2, /--songId is not valid/],
    ['an empty file', [...PREPROCESS, '--input={town}/empty.mp3'], 1, /empty\.mp3 is empty/],
    ['a directory', [...PREPROCESS, '--input={town}/directory'], 1, /is not a file/],
    ['a missing file', [...PREPROCESS, '--input={town}/missing.mp3'], 1, /missing\.mp3 does not exist/],
    [
      'a storage that is a file',
      ['preprocess', ...PREPROCESS.slice(2), '--input={town}/good.mp3', '--storage={town}/plain-file'],
      1,
      /plain-file cannot be written/,
    ],
    ['a wrong token', [...PREPROCESS, '--input={town}/good.mp3', '--token=wrong'], 1, /The token that was sent is not the right one/],
    [
      'no token',
      ['preprocess', '--input={town}/good.mp3', '--data={town}/none', '--metadata={metadata}'],
      1,
      /No operator token was found/,
    ],
    [
      'no metadata service',
      [...PREPROCESS.slice(0, 3), '--input={town}/good.mp3', '--metadata=http://127.0.0.1:1'],
      1,
      /cannot be reached/,
    ],
    ['a port in use', ['origin', '--port={port}', '--storage={town}/other'], 1, /Port \d+ is taken.*\n.*--port/],
    ['a peer port in use', ['peer', '--peer.port={port}', '--data={town}/other-peers'], 1, /Port \d+ is taken.*\n.*--peer\.port/],
    ['a player port in use', ['peer', '--http.port={port}', '--data={town}/other-peers'], 1, /Port \d+ is taken.*\n.*--http\.port/],
    [
      'the id of a peer that runs elsewhere',
      ['peer', '--peer.id=listener', '--data={town}/other-peers', '--peer.port=0', '--http.port=0', '--tracker={tracker}'],
      1,
      /listener/,
    ],
    ['an address that is not ours', ['origin', '--port=0', '--host=192.0.2.1', '--storage={town}/other'], 1, /no address "192\.0\.2\.1"/],
    ['a data directory below a file', ['metadata', '--port=0', '--data={town}/plain-file/data'], 1, /cannot be written/],
  ])('%s: one sentence, a next step, no stack', async (_, words, exitCode, message) => {
    const outcome = await runCommand(filled(words), { cwd: town.directory })
    expect(outcome.stderr).toMatch(message)
    expect(outcome).toMatchObject({ exitCode, stdout: '' })
    expect(outcome.stderr).not.toMatch(/\n\s+at /)
    if (words.length > 0) expect(outcome.stderr.trimEnd().split('\n')).toHaveLength(2)
  })

  test('what was published before is still there, and nothing half-published beside it', async () => {
    expect((await readdir(town.path('origin-storage'))).filter(name => name !== 'song-1')).toEqual([])
    const { songs } = (await (await fetch(`${town.url('metadata')}/metadata`)).json()) as { songs: { id: string }[] }
    expect(songs.map(({ id }) => id)).toEqual(['song-1'])
  })
})

describe('over HTTP', () => {
  const json = { 'content-type': 'application/json' }

  test.each<[string, string, string, RequestInit | undefined, number, string]>([
    ['a chunk -1', 'origin', '/chunk?songId=song-1&chunkId=-1', undefined, 400, 'EVA_CHUNK_ID_INVALID'],
    ['a chunk past every number', 'origin', '/chunk?songId=song-1&chunkId=1e309', undefined, 400, 'EVA_CHUNK_ID_INVALID'],
    ['a chunk that is absent', 'origin', '/chunk?songId=song-1&chunkId=99', undefined, 404, 'EVA_CHUNK_NOT_FOUND'],
    ['a song that is a path', 'origin', '/chunk?songId=../../etc/passwd&chunkId=0', undefined, 400, 'EVA_SONG_ID_INVALID'],
    ['an encoded path', 'origin', '/chunk?songId=%2e%2e%2f%2e%2e%2fetc%2fpasswd&chunkId=0', undefined, 400, 'EVA_SONG_ID_INVALID'],
    ['an encoded path to metadata', 'metadata', '/metadata/%2e%2e%2f%2e%2e%2fetc%2fpasswd', undefined, 400, 'EVA_SONG_ID_INVALID'],
    ['a song that is absent', 'metadata', '/metadata/none', undefined, 404, 'EVA_SONG_NOT_FOUND'],
    ['no token', 'metadata', '/metadata', { method: 'POST', headers: json, body: '{}' }, 401, 'EVA_TOKEN_REQUIRED'],
    ['a method too many', 'tracker', '/register', { method: 'PUT' }, 405, 'EVA_METHOD_NOT_ALLOWED'],
    ['a page too many', 'tracker', '/nothing', undefined, 404, 'EVA_ROUTE_NOT_FOUND'],
    ['a body that is no JSON', 'tracker', '/register', { method: 'POST', headers: json, body: '{' }, 400, 'EVA_REQUEST_INVALID'],
    [
      'a port as text',
      'tracker',
      '/register',
      { method: 'POST', headers: json, body: '{"peerId":"p","port":"1"}' },
      400,
      'EVA_REQUEST_INVALID',
    ],
    [
      'a field too many',
      'tracker',
      '/register',
      { method: 'POST', headers: json, body: '{"peerId":"p","port":1,"x":1}' },
      400,
      'EVA_REQUEST_INVALID',
    ],
    [
      '__proto__',
      'tracker',
      '/register',
      { method: 'POST', headers: json, body: '{"peerId":"p","port":1,"__proto__":{}}' },
      400,
      'EVA_REQUEST_INVALID',
    ],
    [
      'a peer nobody knows',
      'tracker',
      '/heartbeat',
      { method: 'POST', headers: { ...json, authorization: 'Bearer x' }, body: '{"peerId":"p"}' },
      404,
      'EVA_PEER_UNKNOWN',
    ],
    ['a range behind the end', 'listener', '/stream/song-1', rangeOf('bytes=100000-'), 416, 'EVA_RANGE_NOT_SATISFIABLE'],
    ['a range of the last 0 bytes', 'listener', '/stream/song-1/x.mp3', rangeOf('bytes=-0'), 416, 'EVA_RANGE_NOT_SATISFIABLE'],
    ['a range past every number', 'listener', '/stream/song-1', rangeOf(`bytes=${'9'.repeat(400)}-`), 416, 'EVA_RANGE_NOT_SATISFIABLE'],
    ['the audio of no song', 'listener', '/stream/none', undefined, 404, 'EVA_SONG_NOT_FOUND'],
    ['the audio of no song, with an extension', 'listener', '/stream/none.mp3', undefined, 404, 'EVA_SONG_NOT_FOUND'],
    ['the audio of no song, with a file name', 'listener', '/stream/none/song-1.mp3', undefined, 404, 'EVA_SONG_NOT_FOUND'],
    ['audio at a path', 'listener', '/stream/../../etc/passwd', undefined, 404, 'EVA_ROUTE_NOT_FOUND'],
    ['audio at an encoded path', 'listener', '/stream/%2e%2e%2f%2e%2e%2fetc%2fpasswd', undefined, 400, 'EVA_SONG_ID_INVALID'],
    ['audio in the directory above', 'listener', '/stream/%2e%2e/song-1.mp3', undefined, 400, 'EVA_SONG_ID_INVALID'],
    ['audio under a zero byte', 'listener', '/stream/song-1%00.mp3', undefined, 400, 'EVA_SONG_ID_INVALID'],
    ['audio under no name', 'listener', '/stream/', undefined, 400, 'EVA_SONG_ID_INVALID'],
    ['audio under __proto__', 'listener', '/stream/__proto__', undefined, 400, 'EVA_SONG_ID_INVALID'],
    ['audio under what is no text', 'listener', '/stream/%ff%fe', undefined, 400, 'EVA_REQUEST_INVALID'],
    ['audio under a name of 1000 letters', 'listener', `/stream/${'x'.repeat(1000)}`, undefined, 400, 'EVA_SONG_ID_INVALID'],
    ['audio to be deleted', 'listener', '/stream/song-1', { method: 'DELETE' }, 405, 'EVA_METHOD_NOT_ALLOWED'],
    [
      'audio for a page of another site',
      'listener',
      '/stream/song-1/song-1.mp3',
      { headers: { origin: 'http://evil.example' } },
      403,
      'EVA_ORIGIN_FORBIDDEN',
    ],
    ['audio under a rebound name', 'listener', '/stream/song-1', { headers: { host: 'evil.example' } }, 403, 'EVA_ORIGIN_FORBIDDEN'],
  ])('%s: answered as a problem with its code', async (_, service, path, init, status, code) => {
    const reply = await rawFetch(town.url(service), path, init)
    expect({ status: reply.status, code: reply.problem.code }).toEqual({ status, code })
    expect(reply.contentType).toMatch(/^application\/problem\+json/)
    expect(reply.contentRange).toBe(status === 416 ? 'bytes */100000' : undefined)
  })

  test('a flood of HEADs for songs that are there and that are not: each is answered, and nothing plays of it', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 50 })
    const paths = Array.from(
      { length: 1000 },
      (_, index) => ['/stream/song-1', `/stream/song-1.x${index}`, `/stream/none-${index}`][index % 3],
    )
    const statuses = await Promise.all(paths.map(path => headStatus(town.url('listener') + path, agent)))
    agent.destroy()
    expect(statuses).toEqual(paths.map((_, index) => (index % 3 === 2 ? 404 : 200)))
    expect(await town.status('listener')).toMatchObject({ playing: { songIds: [] }, received: { originBytes: 0, peerBytes: 0 } })
    expect(await town.sha256At('listener', 'song-1')).toBe(song.sha256)
  })

  test('a player that closes its half of the connection behind its request: gets the song, which is here', async () => {
    expect(await town.sha256At('listener', 'song-1')).toBe(song.sha256)
    const port = portOf(town.url('listener'))
    const socket = connect(port, '127.0.0.1')
    socket.end(`GET /stream/song-1 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`)
    const reply = await buffer(socket)
    expect(reply.subarray(0, 15).toString()).toBe('HTTP/1.1 200 OK')
    expect(sha256Of(reply.subarray(reply.indexOf('\r\n\r\n') + 4))).toBe(song.sha256)
  })

  test('every service is alive after all that', async () => {
    for (const name of ['metadata', 'tracker', 'origin', 'listener']) expect((await fetch(`${town.url(name)}/readyz`)).status).toBe(200)
  })

  /** Node's fetch would tidy `..` away, so the path is sent as it is. */
  async function rawFetch(url: string, path: string, { method = 'GET', headers = {}, body = '' }: RequestInit = {}): Promise<RawReply> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: portOf(url), path, method, headers: headers as Record<string, string> }
      const call = request(options, reply => {
        let text = ''
        reply.setEncoding('utf8')
        reply.on('data', part => (text += part))
        reply.on('end', () => {
          const { 'content-type': contentType = '', 'content-range': contentRange } = reply.headers
          resolve({ status: reply.statusCode ?? 0, contentType, contentRange, problem: JSON.parse(text) })
        })
      })
      call.on('error', reject)
      call.end(body as string)
    })
  }
})

function rangeOf(range: string): RequestInit {
  return { headers: { range } }
}

function headStatus(url: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'HEAD', agent }, reply => {
      reply.resume()
      reply.on('end', () => resolve(reply.statusCode ?? 0))
    })
    call.on('error', reject)
    call.end()
  })
}

interface RawReply {
  readonly status: number
  readonly contentType: string
  readonly contentRange: string | undefined
  readonly problem: { readonly code?: string }
}
