// Downloads one torrent with WebTorrent, rarest first, over TCP. Arguments: torrent, directory; WEBTORRENT names the package's entry.
// Not a dependency of this project: docs/performance.md has the command that installs it beside.
// Invariant: says READY, waits for a line, says FIRST when the first 256 KiB verified and DONE at the end, and goes on seeding.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

interface Torrent {
  on(event: 'verified', hear: (index: number) => void): void
  on(event: 'done', hear: () => void): void
}

interface Client {
  add(torrent: Uint8Array, options: { readonly path: string; readonly strategy: 'rarest' }): Torrent
  on(event: 'error', hear: (error: Error) => void): void
}

interface Module {
  readonly default: new (options: object) => Client
}

const [torrentPath = '', path = ''] = process.argv.slice(2)
const { default: WebTorrent } = (await import(pathToFileURL(process.env.WEBTORRENT ?? '').href)) as Module
const client = new WebTorrent({ utp: false, dht: false, lsd: false, natUpnp: false, natPmp: false, maxConns: 55 })
client.on('error', ({ message }) => process.stderr.write(`${message}\n`))
process.stdout.write('READY\n')
await once(process.stdin, 'data')
const torrent = client.add(readFileSync(torrentPath), { path, strategy: 'rarest' })
torrent.on('verified', index => void (index === 0 && process.stdout.write('FIRST\n')))
torrent.on('done', () => process.stdout.write('DONE 0\n'))
process.once('SIGTERM', () => process.exit())
