// The names under which peers appear on the swarm page: the same peer always has the same one, and nobody reads an id or address from it.
// Not identities: two peers may share a name, never a key.
// Invariant: without the secret a name cannot be traced to its peer.

import { createHmac } from 'node:crypto'

export interface ListenerName {
  /** Tells peers apart. */
  readonly key: string
  /** For people. */
  readonly name: string
}

const COLOURS =
  'amber ash azure birch bronze cedar clay cobalt copper coral cream dusk ember fern flint frost gold hazel heather indigo iron ivory jade lilac linen maple mint moss night oak olive pearl'.split(
    ' ',
  )
const BIRDS =
  'auk bunting coot crane crow curlew dipper dove dunlin eider falcon finch grebe gull hawk heron jay kestrel kite lark linnet martin merlin osprey owl pipit plover raven robin swift tern wren'.split(
    ' ',
  )
const KEY_LENGTH = 10

export function listenerName(peerId: string, secret: string): ListenerName {
  const digest = createHmac('sha256', secret).update(peerId).digest()
  const of = (words: readonly string[], index: number) => words[(digest[index] as number) % words.length] as string
  return { key: digest.toString('hex').slice(-KEY_LENGTH), name: `${of(COLOURS, 0)} ${of(BIRDS, 1)}` }
}
