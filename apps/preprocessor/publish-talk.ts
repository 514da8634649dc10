// What a person sees of a publication: a progress bar on a terminal, notes, and one line at the end.
// Not data: this goes to stderr; the result goes to stdout by publishSong's own hand.
// Invariant: text from tags and file names is made printable first, and `--quiet` silences all of it.

import { printable } from '@evastream/service-kit/printable-text'
import { SingleBar } from 'cli-progress'
import type { Publication, PublishListener, PublishStep } from './publisher.ts'

export interface TalkOptions {
  readonly isTerminal: boolean
  readonly isQuiet: boolean
}

export class PublishTalk implements PublishListener {
  readonly #stderr: NodeJS.WritableStream
  readonly #options: TalkOptions
  #bar: SingleBar | undefined

  constructor(deps: { readonly stderr: NodeJS.WritableStream }, options: TalkOptions) {
    this.#stderr = deps.stderr
    this.#options = options
  }

  reached(step: PublishStep): void {
    if (step === 'placed') this.end()
  }

  progressed(doneBytes: number, totalBytes: number): void {
    const { isTerminal, isQuiet } = this.#options
    if (!isTerminal || isQuiet) return
    if (this.#bar === undefined) {
      const format = 'cutting and hashing {bar} {percentage} % of {total} bytes, {eta_formatted} left'
      this.#bar = new SingleBar({ stream: this.#stderr, format, clearOnComplete: true, hideCursor: true, barsize: 30 })
      this.#bar.start(totalBytes, 0)
    }
    this.#bar.update(doneBytes)
  }

  noted(text: string): void {
    this.#say(`note: ${text}`)
  }

  published({ songId, title, chunkCount, chunkSize, fileSize, result }: Publication): void {
    const verb = result === 'created' ? 'published' : 'already published'
    const chunks = chunkCount === 1 ? '1 chunk' : `${chunkCount} chunks of ${chunkSize} bytes`
    this.#say(`${verb} "${title}" as ${songId}: ${fileSize} bytes, ${chunks}`)
  }

  /** Takes the bar away, also after a failure. */
  end(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }

  #say(line: string): void {
    if (this.#options.isQuiet) return
    this.end()
    this.#stderr.write(`${printable(line)}\n`)
  }
}
