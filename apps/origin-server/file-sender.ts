// Sends a part of a stored file as the body of an HTTP answer, through a few buffers that are used again and again.
// Not a decision: which part, under which head, and whether at all, is the caller's.
// Invariant: a buffer is filled again only once the system has taken its bytes or the connection is gone.

import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { StoredFile } from './chunk-storage.ts'

export interface SendRequest {
  readonly socket: Socket
  readonly file: StoredFile
  readonly firstByte: number
  readonly lengthBytes: number
  /** Writes the head; called once, when the first bytes are at hand, so that a failure before can still be told properly. */
  readonly begin: () => ServerResponse
  /** Told each time that bytes were handed to the socket. */
  readonly onSent: (bytes: number) => void
}

export type SendOutcome = 'sent' | 'client-gone'

/** A default chunk goes out in one write, head included; a larger one takes turns with other clients. */
const SLICE_BYTES = 256 * 1024
const IDLE_BUFFERS_MAX = 32

export class FileSender {
  readonly #idle: Uint8Array[] = []

  /** @throws EvaError `EVA_STORAGE_FAILED`; after `begin` the connection is broken as well, which tells the client. */
  async send(request: SendRequest): Promise<SendOutcome> {
    const { socket } = request
    const buffer = this.#idle.pop() ?? Buffer.allocUnsafeSlow(SLICE_BYTES)
    let markGone = (): void => {}
    const gone = new Promise<'client-gone'>(resolve => {
      markGone = () => resolve('client-gone')
    })
    // The socket's own event: an answer that waits behind another one on its connection never hears of the end.
    socket.once('close', markGone)
    try {
      return await sendSlices(request, buffer, gone)
    } finally {
      socket.off('close', markGone)
      if (this.#idle.length < IDLE_BUFFERS_MAX) this.#idle.push(buffer)
    }
  }
}

async function sendSlices(request: SendRequest, buffer: Uint8Array, gone: Promise<'client-gone'>): Promise<SendOutcome> {
  const { socket, file, firstByte, lengthBytes, begin, onSent } = request
  let response: ServerResponse | undefined
  let sentBytes = 0
  do {
    const slice = buffer.subarray(0, Math.min(buffer.length, lengthBytes - sentBytes))
    try {
      await file.read(slice, firstByte + sentBytes)
    } catch (thrown) {
      response?.destroy()
      throw thrown
    }
    if (socket.destroyed) return 'client-gone'
    response ??= begin()
    sentBytes += slice.length
    onSent(slice.length)
    const taken = sentBytes === lengthBytes ? ending(response, slice) : writing(response, slice)
    if ((await Promise.race([taken, gone])) === 'client-gone') return 'client-gone'
  } while (sentBytes < lengthBytes)
  return 'sent'
}

/** A write that fails is followed by the socket's end, so only success needs to be told. */
function writing(response: ServerResponse, slice: Uint8Array): Promise<'taken'> {
  return new Promise(resolve => {
    response.write(slice, error => {
      if (error == null) resolve('taken')
    })
  })
}

function ending(response: ServerResponse, slice: Uint8Array): Promise<'taken'> {
  return new Promise(resolve => response.end(slice, () => resolve('taken')))
}
