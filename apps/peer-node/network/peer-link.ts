// An ordered, reliable channel of bytes to one other peer: all that the two ends of a connection know of the network.
// Not TCP (tcp-link) and not frames: another channel, such as WebRTC's, takes its place without a change above.
// Invariant: `closed` is told exactly once, and nothing after it.

export interface PeerLinkListener {
  /** The channel is there; an accepted one is from the start. */
  opened(): void
  /** The bytes belong to the link and are gone after the call. */
  received(bytes: Uint8Array): void
  /** All that was handed over has been taken by the network. */
  drained(): void
  /** `cause` is what the network said, if anything. */
  closed(cause: unknown): void
}

export interface PeerLink {
  /** A canonical IP literal once open, or what cannot be one. */
  readonly remoteHost: string
  /** Handed over and not yet taken by the network. */
  readonly bufferedBytes: number
  listen(listener: PeerLinkListener): void
  /** All parts in one write. They must not change until `drained`. */
  send(...parts: readonly Uint8Array[]): void
  /** No more is sent; closed once all that was handed over has been taken and the other side has closed too. */
  end(): void
  /** Closes now. */
  destroy(): void
}
