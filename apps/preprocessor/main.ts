// The preprocessor: settings in, one song published, its result as data on stdout and the talk on stderr.
// Not the publishing itself: publisher.ts.
// Invariant: stdout carries nothing but the result.

import { MetadataClient } from '@evastream/clients/metadata-client'
import { MINUTE_MS } from '@evastream/core/units'
import { findOperatorToken } from '@evastream/service-kit/operator-token'
import { printable } from '@evastream/service-kit/printable-text'
import { SingleBar } from 'cli-progress'
import { type PreprocessorValues, publishWish } from './config.ts'
import { type Publication, publish } from './publisher.ts'

export interface PublishIo {
  readonly stdout: { write(text: string): unknown }
  readonly stderr: NodeJS.WritableStream
  readonly isTerminal: boolean
  readonly signal: AbortSignal
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A manifest may have megabytes of hashes, and the service writes them all in one transaction. */
const PUBLISH_TIMEOUT_MS = 2 * MINUTE_MS

/** @throws EvaError as `publish` does, `EVA_TOKEN_MISSING`, or `EVA_SERVICE_UNREACHABLE` before any work is done */
export async function publishSong(values: PreprocessorValues, io: PublishIo): Promise<Publication> {
  const token = await findOperatorToken({ dataDir: values.data, token: values.token, tokenFile: values['token-file'], env: io.env })
  const register = new MetadataClient({ baseUrl: values.metadata, token, timeoutMs: PUBLISH_TIMEOUT_MS })
  const bar = io.isTerminal && !values.quiet ? progressBar(io.stderr) : undefined
  const say = (text: string): void => void (values.quiet || io.stderr.write(`${printable(text)}\n`))
  try {
    await register.listSongs({ limit: 1 }, io.signal)
    const publication = await publish(publishWish(values), {
      register,
      signal: io.signal,
      onStart: (title, sizeBytes) => bar?.start(sizeBytes, 0, { title: printable(title).replaceAll(/[{}]/g, ' ') }),
      onProgress: sizeBytes => bar?.increment(sizeBytes),
      onNote: say,
    })
    bar?.stop()
    tell(publication, values.json, io)
    say(summary(publication))
    return publication
  } finally {
    bar?.stop()
    await register.close()
  }
}

function tell(publication: Publication, isJson: boolean, { stdout }: PublishIo): void {
  stdout.write(isJson ? `${JSON.stringify(publication)}\n` : `${publication.songId}\n`)
}

function summary({ title, songId, fileSize, chunkCount, chunkSize, result }: Publication): string {
  const verb = result === 'created' ? 'Published' : 'Was published already:'
  return `${verb} "${title}" as ${songId}: ${fileSize} bytes in ${chunkCount} ${chunkCount === 1 ? 'chunk' : 'chunks'} of ${chunkSize}.`
}

function progressBar(stream: NodeJS.WritableStream): SingleBar {
  return new SingleBar({ stream, hideCursor: true, clearOnComplete: true, format: '{title} [{bar}] {percentage}%' })
}
