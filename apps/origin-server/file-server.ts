// Answers a request with a stored file: all of it, a part, its head alone, or word that the caller has it; within the limits.
// Not the refusals: what is wrong before the head of an answer is told, for the framework to put into words.
// Invariant: every answer gives its slot back and closes its file, however it ends.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { EvaError, toEvaError } from '@evastream/core/errors'
import { type FileAnswer as AnswerKind, answerFor } from '@evastream/protocol/conditional-request'
import type { Logger } from '@evastream/service-kit/logger'
import type { Admission } from './admission.ts'
import type { StoredFile } from './chunk-storage.ts'
import type { FileSender, SendOutcome } from './file-sender.ts'
import type { OriginCounters } from './origin-counters.ts'

export interface FileServerDeps {
  readonly admission: Admission
  readonly sender: FileSender
  readonly counters: OriginCounters
  readonly logger: Logger
}

export interface FileHead {
  readonly status: number
  /** Names and values in turns. */
  readonly fields: string[]
}

/** A file that can be had, and for how long its copies hold. */
export interface AskedFile {
  readonly open: () => StoredFile | Promise<StoredFile>
  /** The value of `cache-control`. */
  readonly caching: string
}

/** A request for a file, and how its answer begins. */
export interface FileExchange extends AskedFile {
  readonly request: IncomingMessage
  /** Writes the head; called once at most. */
  readonly begin: (head: FileHead) => ServerResponse
}

/**
 * How an exchange ended: with the last byte; before the first, to be put into words by somebody else, with what its head says of the
 * file; or in between, counted already.
 */
export type FileOutcome =
  | { readonly kind: 'sent'; readonly status: number }
  | { readonly kind: 'refused'; readonly error: EvaError; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: 'broken' }

const BROKEN: FileOutcome = Object.freeze({ kind: 'broken' })
const NO_HEADERS = Object.freeze({})
const STATUS_CLIENT_GONE = 499

export class FileServer {
  readonly #deps: FileServerDeps

  constructor(deps: FileServerDeps) {
    this.#deps = deps
  }

  /** `done` is told once: what became of the answer, or why none was begun. */
  serve(exchange: FileExchange, done: (outcome: FileOutcome) => void): void {
    new FileAnswer(this.#deps, exchange, done).start()
  }
}

class FileAnswer {
  readonly #deps: FileServerDeps
  readonly #exchange: FileExchange
  readonly #done: (outcome: FileOutcome) => void
  #leave: (() => void) | undefined
  #file: StoredFile | undefined
  #isOver = false

  constructor(deps: FileServerDeps, exchange: FileExchange, done: (outcome: FileOutcome) => void) {
    this.#deps = deps
    this.#exchange = exchange
    this.#done = done
  }

  start(): void {
    try {
      this.#leave = this.#deps.admission.enter()
      const opening = this.#exchange.open()
      if (!(opening instanceof Promise)) this.#opened(opening)
      else void opening.then(file => this.#opened(file)).catch(thrown => this.#refuse(thrown))
    } catch (thrown) {
      this.#refuse(thrown)
    }
  }

  /** Whatever it throws is refused. */
  #opened(file: StoredFile): void {
    this.#file = file
    const { method = 'GET', headers } = this.#exchange.request
    const conditions = { method, range: headers.range, ifRange: onlyText(headers['if-range']), ifNoneMatch: headers['if-none-match'] }
    const answer = answerFor(conditions, file)
    if (answer.kind === 'unsatisfiable') {
      this.#refuseRange(file)
      return
    }
    const head = headOf(answer, file, this.#exchange.caching)
    if (answer.kind === 'not-modified' || method === 'HEAD') this.#tellHead(head)
    else this.#send(head, file, answer.kind === 'part' ? answer : { firstByte: 0, lengthBytes: file.sizeBytes })
  }

  #tellHead(head: FileHead): void {
    this.#exchange.begin(head).end()
    this.#end({ kind: 'sent', status: head.status })
  }

  #send(head: FileHead, file: StoredFile, { firstByte, lengthBytes }: { readonly firstByte: number; readonly lengthBytes: number }): void {
    const { admission, sender, counters } = this.#deps
    const { request, begin } = this.#exchange
    admission.spend(lengthBytes)
    let unsentBytes = lengthBytes
    sender.send({
      firstByte,
      lengthBytes,
      file,
      socket: request.socket,
      begin: () => begin(head),
      onSent: bytes => {
        unsentBytes -= bytes
        counters.countSent(bytes)
      },
      done: outcome => {
        admission.refund(unsentBytes)
        this.#sent(outcome, head.status)
      },
    })
  }

  #sent(outcome: SendOutcome, status: number): void {
    const { counters } = this.#deps
    if (outcome.kind === 'sent') this.#end({ kind: 'sent', status })
    else if (outcome.kind === 'failed' && !outcome.hasBegun) this.#refuse(outcome.error)
    else {
      // Past the head an error can only be told by a broken connection, which the sender has seen to.
      if (outcome.kind === 'failed') this.#log(outcome.error)
      counters.countRequest(outcome.kind === 'failed' ? outcome.error.httpStatus : STATUS_CLIENT_GONE)
      this.#end(BROKEN)
    }
  }

  #log(error: EvaError): void {
    if (error.blames !== 'self') return
    const { code, cause } = error
    this.#deps.logger.error({ code, err: cause ?? error, url: this.#exchange.request.url }, 'a file failed')
  }

  /** It tells what a caller with a part of the file needs for its next question: the size, and whether the part is still of this file. */
  #refuseRange({ sizeBytes, entityTag }: StoredFile): void {
    const error = new EvaError('EVA_RANGE_NOT_SATISFIABLE', { details: { sizeBytes } })
    const headers = { 'content-range': `bytes */${sizeBytes}`, etag: entityTag, 'accept-ranges': 'bytes' }
    this.#end({ kind: 'refused', error, headers })
  }

  #refuse(thrown: unknown): void {
    this.#end({ kind: 'refused', error: toEvaError(thrown), headers: NO_HEADERS })
  }

  #end(outcome: FileOutcome): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#file?.close()
    this.#leave?.()
    this.#done(outcome)
  }
}

function headOf(
  answer: Exclude<AnswerKind, { kind: 'unsatisfiable' }>,
  { sizeBytes, entityTag, mimeType }: StoredFile,
  caching: string,
): FileHead {
  const fields = ['etag', entityTag, 'cache-control', caching, 'accept-ranges', 'bytes']
  if (answer.kind === 'not-modified') return { status: 304, fields }
  fields.push('content-type', mimeType)
  if (answer.kind !== 'part') {
    fields.push('content-length', String(sizeBytes))
    return { status: 200, fields }
  }
  const { firstByte, lengthBytes } = answer
  fields.push('content-length', String(lengthBytes), 'content-range', `bytes ${firstByte}-${firstByte + lengthBytes - 1}/${sizeBytes}`)
  return { status: 206, fields }
}

/** Node gives some headers as lists; of these two only one makes sense. */
function onlyText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}
