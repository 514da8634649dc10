// A BitTorrent tracker for one swarm: whoever announces itself is named to all who announce after it. Arguments: address, port.
// Not a tracker for the world: no scraping, no expiry, no torrent told from another.
// Invariant: an address is the one it was seen at, a port the one that was told.

import { createServer } from 'node:http'
import { isIPv4 } from 'node:net'
import { bencode } from '../torrent-file.ts'

const [address = '127.0.0.1', port = '0'] = process.argv.slice(2)
const INTERVAL_SECONDS = 10
const members = new Map<string, Uint8Array>()

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://tracker')
  const host = (request.socket.remoteAddress ?? '').replace('::ffff:', '')
  const told = Number(url.searchParams.get('port'))
  const key = `${host}:${told}`
  const others = [...members].filter(([name]) => name !== key).map(([, compact]) => compact)
  if (url.searchParams.get('event') === 'stopped') members.delete(key)
  else if (isIPv4(host)) members.set(key, Uint8Array.of(...host.split('.').map(Number), told >> 8, told & 255))
  response.end(bencode({ complete: 0, incomplete: members.size, interval: INTERVAL_SECONDS, peers: Buffer.concat(others) }))
})
server.listen(Number(port), address, () => process.stdout.write('READY\n'))
process.once('SIGTERM', () => process.exit())
