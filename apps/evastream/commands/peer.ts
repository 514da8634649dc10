// `evastream peer`: a listener's node, which fetches, keeps, plays and passes on chunks.
// Not the node itself: apps/peer-node.

import { peerNodeOptions } from '@evastream/peer-node/config'
import { defineServiceCommand } from '../command.ts'
import { keepThrifty } from '../memory-thrift.ts'

export const peerCommand = defineServiceCommand({
  verb: 'peer',
  summary: 'run a peer: fetch songs, play them, pass their chunks on',
  example: 'evastream peer --peer.id=peer-1 --peer.port=9001 --song.id=song-1',
  options: peerNodeOptions,
  start: async (values, logger) => {
    const { startPeerNode } = await import('@evastream/peer-node/main')
    const node = await startPeerNode(values, logger)
    const stopSaving = keepThrifty()
    const close = async () => {
      stopSaving()
      await node.close()
    }
    return { service: 'peer', url: node.url, close }
  },
})
