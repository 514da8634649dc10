// The preprocessor: parse, build, wire, publish.
// Not behaviour: every part has a file of its own.
// Invariant: stdout gets the result and nothing else; whatever was opened is closed, however it ends.

import { hostname } from 'node:os'
import { MetadataClient } from '@evastream/clients/metadata-client'
import { MINUTE_MS } from '@evastream/core/units'
import { ensureWritableDirectory } from '@evastream/service-kit/data-directories'
import { findOperatorToken } from '@evastream/service-kit/operator-token'
import { type PreprocessorValues, publishWish } from './config.ts'
import { openInputFile } from './input-file.ts'
import { PublishTalk } from './publish-talk.ts'
import { type Publication, Publisher } from './publisher.ts'

/** What a publication may touch of the process it runs in. */
export interface PublishIo {
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
  /** Whether stderr is one: only then a progress bar is drawn. */
  readonly isTerminal: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal?: AbortSignal
}

/** A manifest of a large song takes a while to travel and to be stored. */
const METADATA_TIMEOUT_MS = MINUTE_MS

/** Publishes the song that the options name, and prints its id, or with `--json` one object. @throws EvaError */
export async function publishSong(values: PreprocessorValues, io: PublishIo): Promise<Publication> {
  const wish = publishWish(values)
  const talk = new PublishTalk(io, { isTerminal: io.isTerminal, isQuiet: values.quiet })
  const input = await openInputFile(wish.inputPath)
  try {
    const storageDir = await ensureWritableDirectory(wish.storageDir, '--storage')
    const places = { dataDir: values.data, token: values.token, tokenFile: values['token-file'], env: io.env }
    const token = await findOperatorToken(places)
    const metadata = new MetadataClient({ baseUrl: values.metadata, token, timeoutMs: METADATA_TIMEOUT_MS })
    try {
      const owner = { hostname: hostname(), pid: process.pid }
      const deps = { input, metadata, listener: talk, owner, nowMs: () => Date.now() }
      const publication = await new Publisher(deps, { ...wish, storageDir }).publish(io.signal)
      talk.published(publication)
      io.stdout.write(`${values.json ? JSON.stringify(publication) : publication.songId}\n`)
      return publication
    } finally {
      await metadata.close()
    }
  } finally {
    talk.end()
    await input.close()
  }
}
