import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PROGRAM_VERSION } from '@evastream/service-kit/program-version'
import { mp3Bytes, VARIED_SONGS } from '@evastream/testkit/audio-fixtures'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LoopbackTown, runCommand, sha256Of } from './loopback-town.ts'

// Every verb as a user types it, in a directory of its own, with whatever is not typed left to the defaults.

let town: LoopbackTown

beforeAll(async () => {
  town = await LoopbackTown.open()
})

afterAll(() => town.close())

/** Flags that name the town's services, for verbs that would look for them at the default ports. */
function services(...names: readonly string[]): string[] {
  return names.map(name => `--${name}=${town.url(name)}`)
}

describe('evastream preprocess', () => {
  test('finds the token where the metadata service made it by default, and slugs the title into an id', async () => {
    const input = town.path('tagged.mp3')
    await writeFile(input, mp3Bytes({ seed: 1, sizeBytes: 100_000, tags: { title: 'Köln — für Elise', artist: 'A', album: 'B' } }))
    await mkdir(town.path('home/evastream-data/metadata'), { recursive: true })
    await writeFile(town.path('home/evastream-data/metadata/operator-token'), await readFile(town.path('metadata/operator-token')))
    const outcome = await runCommand(['preprocess', `--input=${input}`, ...services('metadata')], { cwd: town.path('home') })
    expect(outcome).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^koln-fur-elise-[0-9a-f]{12}\n$/) })
    expect(await readdir(town.path('home/origin-storage'))).toEqual([outcome.stdout.trim()])
  })

  test('again: exit code 0, unchanged, and the same chunks', async () => {
    const input = town.path('twice.mp3')
    await writeFile(input, mp3Bytes({ seed: 2, sizeBytes: 100_000 }))
    const token = (await readFile(town.path('metadata/operator-token'), 'utf8')).trim()
    const flags = [
      `--input=${input}`,
      '--songId=twice',
      '--chunkSize=16384',
      `--storage=${town.path('origin-storage')}`,
      ...services('metadata'),
      '--json',
    ]
    const run = () => runCommand(['preprocess', ...flags], { env: { EVASTREAM_ADMIN_TOKEN: token } })
    const [first, second] = [await run(), await run()]
    expect(JSON.parse(first.stdout)).toMatchObject({
      songId: 'twice',
      chunkCount: 7,
      chunkSize: 16_384,
      fileSize: 100_000,
      result: 'created',
    })
    expect(JSON.parse(second.stdout)).toMatchObject({ result: 'unchanged', sha256: JSON.parse(first.stdout).sha256 })
    expect((await readdir(town.path('origin-storage/twice'))).filter(name => name.startsWith('chunk-'))).toHaveLength(7)
  })
})

describe('songs of all sizes', () => {
  test.each(VARIED_SONGS.filter(({ fileSize }) => fileSize > 1000))(
    '$name: travels through origin, peer and get, bit for bit',
    async song => {
      const songId = `varied-${song.fileSize}`
      const { sha256 } = await town.publish({ songId, sizeBytes: song.fileSize, chunkSize: song.chunkSize, seed: song.fileSize })
      const output = town.path(`${songId}.out`)
      const { exitCode, stdout } = await runCommand([
        'get',
        songId,
        `--output=${output}`,
        ...services('metadata', 'tracker', 'origin'),
        '--json',
      ])
      expect(exitCode).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({ songId, fileSize: song.fileSize, originBytes: song.fileSize, peerBytes: 0 })
      expect(sha256Of(await readFile(output))).toBe(sha256)
    },
  )
})

describe('evastream peer and get', () => {
  test('three peers side by side share one --data; get takes the song from them and leaves nothing but the file', async () => {
    const song = await town.publish({ songId: 'shared', sizeBytes: 1_000_003, seed: 9 })
    for (const peerId of ['one', 'two', 'three']) await town.startPeer(peerId)
    await town.download('one', 'shared')
    await town.whenComplete('one', 'shared')
    await Promise.all([town.download('two', 'shared'), town.download('three', 'shared')])
    await Promise.all([town.whenComplete('two', 'shared'), town.whenComplete('three', 'shared')])
    const before = await town.originSentBytes()
    await mkdir(town.path('got'))
    const output = town.path('got/song.mp3')
    const outcome = await runCommand(['get', 'shared', '--output', output, ...services('metadata', 'tracker', 'origin')], {
      env: { TMPDIR: town.path('got') },
    })
    expect(outcome).toMatchObject({ exitCode: 0, stdout: '', stderr: expect.stringContaining('bit for bit') })
    expect(sha256Of(await readFile(output))).toBe(song.sha256)
    expect(await town.originSentBytes()).toBe(before)
    expect(await readdir(town.path('got'))).toEqual(['song.mp3'])
    const { peerId, uploadPort, httpPort, songs, received } = await town.status('two')
    expect({ peerId, songs }).toEqual({ peerId: 'two', songs: [{ songId: 'shared', chunkCount: 16, chunksHeld: 16, complete: true }] })
    expect([uploadPort > 0, httpPort > 0, received.originBytes + received.peerBytes]).toEqual([true, true, 1_000_003])
  })

  test('get of a song that does not exist: one sentence, exit code 1, no file', async () => {
    const output = town.path('nothing.mp3')
    const { exitCode, stderr } = await runCommand(['get', 'no-such-song', '--output', output, ...services('metadata', 'tracker', 'origin')])
    expect(stderr).toMatch(/There is no song "no-such-song"/)
    expect(exitCode).toBe(1)
    await expect(stat(output)).rejects.toThrow('ENOENT')
  })

  test('the bounds on uploads and downloads come from the flags', async () => {
    const { exitCode, stdout } = await runCommand(['config', 'peer', '--peer.maxUploads=2', '--json'], {
      env: { EVASTREAM_PEER__MAXDOWNLOADS: '3' },
    })
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toEqual(
      expect.arrayContaining([
        { key: 'peer.maxUploads', value: 2, from: 'flag' },
        { key: 'peer.maxDownloads', value: 3, from: 'environment' },
        { key: 'host', value: '127.0.0.1', from: 'default' },
      ]),
    )
  })
})

describe('a service on its own', () => {
  test.each(['metadata', 'tracker', 'origin', 'peer'])('%s: one ready line, answers, and after SIGTERM exit code 0', async verb => {
    const ownFlags: Readonly<Record<string, string[]>> = {
      metadata: [`--data=${town.path('own-metadata')}`],
      tracker: services('metadata'),
      origin: [`--storage=${town.path('made-when-missing/storage')}`],
      peer: [`--data=${town.path('own-peers')}`, '--http.port=0', ...services('metadata', 'tracker', 'origin')],
    }
    const name = `own-${verb}`
    const port = verb === 'peer' ? [] : ['--port=0']
    const process = await town.start(name, verb, [...port, ...(ownFlags[verb] ?? [])])
    expect(process.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    const log = await readFile(join(town.directory, 'logs', `${name}-1.log`), 'utf8')
    expect(log).toContain(`{"service":"${verb}","url":"${process.url}"}\n`)
    for (const path of ['/livez', '/readyz', '/metrics', '/openapi.json', '/docs'])
      expect((await fetch(`${process.url}${path}`)).status, path).toBe(200)
    expect(await process.stop()).toBe(0)
  })

  test('the metadata service keeps its token to its owner', async () => {
    expect((await stat(town.path('metadata/operator-token'))).mode & 0o777).toBe(0o600)
  })
})

describe('evastream version and help', () => {
  test('version prints the version', async () => {
    expect(await runCommand(['version'])).toEqual({ exitCode: 0, stdout: `${PROGRAM_VERSION}\n`, stderr: '' })
  })

  test('help names every verb, and help of a verb every flag with its variable', async () => {
    const { stdout } = await runCommand(['help'])
    for (const verb of ['demo', 'metadata', 'tracker', 'origin', 'preprocess', 'peer', 'get', 'config', 'version', 'help'])
      expect(stdout).toContain(`  ${verb} `)
    expect((await runCommand(['help', 'peer'])).stdout.replace(/\s+/g, ' ')).toMatch(/--peer\.maxUploads .*EVASTREAM_PEER__MAXUPLOADS/)
    // A flag of V8 that Node does not know would be told on stderr.
    const { stdout: peerHelp } = await runCommand(['help', 'peer'])
    expect(await runCommand(['peer', '--help'])).toEqual({ exitCode: 0, stdout: peerHelp, stderr: '' })
  })
})
