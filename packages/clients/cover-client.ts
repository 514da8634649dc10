// Covers as the origin serves them: one picture, whole, of a kind that browsers show.
// Not a cache, and not chunks (origin-client.ts): a cover is small and nobody waits for it to hear music.
// Invariant: whatever the origin sent, what is handed out begins as its type says and is no larger than a cover may be.

import { EvaError } from '@evastream/core/errors'
import type { SongId } from '@evastream/core/ids'
import { coverPathOf } from '@evastream/protocol/origin-http'
import { COVER_SIZE_MAX_BYTES, COVER_TYPES, coverTypeOf } from '@evastream/protocol/storage-layout'
import { ServiceCaller, type ServiceCallOptions } from './service-call.ts'

export interface Cover {
  readonly bytes: Uint8Array
  readonly mimeType: string
}

export class CoverClient {
  readonly #caller: ServiceCaller

  constructor(options: ServiceCallOptions) {
    this.#caller = new ServiceCaller('origin', options)
  }

  /** @throws EvaError `EVA_COVER_NOT_FOUND`, `EVA_SERVICE_*` */
  async fetchCover(songId: SongId): Promise<Cover> {
    const headers = { accept: COVER_TYPES.map(({ mimeType }) => mimeType).join(', ') }
    const { bytes } = await this.#caller.exchange({ method: 'GET', path: coverPathOf(songId), headers })
    const type = bytes.length > COVER_SIZE_MAX_BYTES ? undefined : coverTypeOf(bytes)
    if (type === undefined) throw new EvaError('EVA_COVER_NOT_FOUND', { details: { songId } })
    return { bytes, mimeType: type.mimeType }
  }

  async close(): Promise<void> {
    await this.#caller.close()
  }
}
