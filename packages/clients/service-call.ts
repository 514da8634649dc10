// One call of a service's HTTP interface: sent, bounded in time and size, and its reply checked against a schema.
// Not a retry policy: a failed call is thrown once and its caller decides.
// Invariant: whatever happens, the outcome is a value that fits the schema or an EvaError; a stranger's text in one is cut short.

import type { ClientRequest, IncomingMessage } from 'node:http'
import { ERROR_TABLE } from '@evastream/core/error-table'
import { type ErrorDetails, EvaError, isErrorCode } from '@evastream/core/errors'
import { MIB, SECOND_MS } from '@evastream/core/units'
import type { SchemaCheck } from '@evastream/service-kit/schema-check'
import { boundCall } from './call-deadline.ts'
import { HttpLine, lineFailureOf } from './http-line.ts'
import { onlyValue, type ReplyHeaders, retryAfterMsOf } from './retry-after.ts'
import { parseServiceAddress, type ServiceAddress } from './service-address.ts'

export interface ServiceCallOptions {
  readonly baseUrl: string
  /** The whole call, from connecting to the last byte. */
  readonly timeoutMs?: number
}

export interface ServiceRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Begins with a slash; parameters already encoded. */
  readonly path: string
  readonly body?: unknown
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

export interface ServiceReply {
  readonly status: number
  readonly headers: ReplyHeaders
  readonly bytes: Uint8Array
}

const TIMEOUT_DEFAULT_MS = 10 * SECOND_MS
const REPLY_MAX_BYTES = 64 * MIB
const CONNECTIONS_MAX = 16
const QUOTE_LENGTH_MAX = 200
const utf8 = new TextDecoder()

/** A call on its way: which request it is just now, and how to end it. */
interface Attempt {
  overReason: Error | undefined
  call: ClientRequest | undefined
  reject: (reason: unknown) => void
}

interface ReplyReader {
  readonly call: ClientRequest
  readonly resolve: (reply: ServiceReply) => void
  readonly reject: (reason: unknown) => void
}

export class ServiceCaller {
  readonly #service: string
  readonly #base: ServiceAddress
  readonly #timeoutMs: number
  readonly #line: HttpLine

  constructor(service: string, options: ServiceCallOptions) {
    this.#service = service
    this.#base = parseServiceAddress(service, options.baseUrl)
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_DEFAULT_MS
    this.#line = new HttpLine(this.#base, { connectionsMax: CONNECTIONS_MAX })
  }

  /** The reply's JSON, checked. @throws EvaError `EVA_SERVICE_*`, `EVA_CANCELLED`, or what the service answered with. */
  async json<T>(check: SchemaCheck<T>, request: ServiceRequest): Promise<T> {
    return this.parse(check, await this.exchange(request))
  }

  parse<T>(check: SchemaCheck<T>, reply: ServiceReply): T {
    const value = parseJson(reply.bytes)
    if (value === undefined) throw this.invalidReply('it is not JSON')
    if (!check.fits(value)) throw this.invalidReply(check.whyNot(value))
    return value
  }

  /** A reply of any status below 300, or 304; everything else is thrown. */
  async exchange(request: ServiceRequest): Promise<ServiceReply> {
    const reply = await this.#send(request)
    if (reply.status < 300 || reply.status === 304) return reply
    throw this.#refusal(reply)
  }

  invalidReply(reason: string, cause?: unknown): EvaError {
    return new EvaError('EVA_SERVICE_REPLY_INVALID', { details: { service: this.#service, reason: quote(reason) }, cause })
  }

  async close(): Promise<void> {
    this.#line.close()
  }

  /** A kept connection may have ended with the service's last life: then the call, which may be made twice, is made over another. */
  async #send(request: ServiceRequest): Promise<ServiceReply> {
    const attempt: Attempt = { overReason: undefined, call: undefined, reject: () => undefined }
    const release = boundCall({ timeoutMs: this.#timeoutMs, signal: request.signal }, reason => {
      attempt.overReason = reason
      attempt.reject(reason)
      attempt.call?.destroy()
    })
    try {
      for (;;) {
        try {
          return await this.#try(request, attempt)
        } catch (thrown) {
          if (attempt.overReason !== undefined) throw attempt.overReason
          if (attempt.call?.reusedSocket !== true || (thrown as NodeJS.ErrnoException).code !== 'ECONNRESET') throw thrown
        }
      }
    } catch (thrown) {
      throw this.#failure(thrown)
    } finally {
      release()
    }
  }

  #try({ method, path, body, ...request }: ServiceRequest, attempt: Attempt): Promise<ServiceReply> {
    return new Promise((resolve, reject) => {
      const call = this.#line.request({ method, path, headers: headersOf({ body, ...request }) })
      attempt.call = call
      attempt.reject = reject
      call.on('error', reject).once('response', reply => this.#read(reply, { call, resolve, reject }))
      call.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  #read(reply: IncomingMessage, { call, resolve, reject }: ReplyReader): void {
    const parts: Buffer[] = []
    let lengthBytes = 0
    reply
      .on('data', (part: Buffer) => {
        lengthBytes += part.length
        parts.push(part)
        if (lengthBytes <= REPLY_MAX_BYTES) return
        reject(this.invalidReply('it is too large'))
        call.destroy()
      })
      .once('end', () => resolve({ status: reply.statusCode ?? 0, headers: reply.headers, bytes: joined(parts) }))
      .on('error', reject)
  }

  #failure(thrown: unknown): EvaError {
    if (thrown instanceof EvaError) return thrown
    if (this.#line.isClosed) return new EvaError('EVA_CANCELLED', { cause: thrown })
    const { kind, reason } = lineFailureOf(thrown)
    if (kind === 'timeout') return new EvaError('EVA_SERVICE_TIMEOUT', { details: { service: this.#service }, cause: thrown })
    if (kind === 'garbled') return this.invalidReply(reason, thrown)
    const details = { service: this.#service, url: `${this.#base.origin}${this.#base.path}`, reason: quote(reason) }
    return new EvaError('EVA_SERVICE_UNREACHABLE', { details, cause: thrown })
  }

  /** A problem that the caller caused, or "not ready", keeps its code; a service's inner troubles are its own and only a status here. */
  #refusal(reply: ServiceReply): EvaError {
    const problem = problemOf(reply)
    const pause = pauseOf(problem, reply.headers)
    const { code } = problem
    if (isErrorCode(code) && (ERROR_TABLE[code].blames === 'caller' || code === 'EVA_NOT_READY'))
      return new EvaError(code, { details: { ...detailsOf(problem), ...pause } })
    const reason = reasonOf(problem) ?? (reply.status < 400 ? 'redirects are not followed' : 'no reason given')
    return new EvaError('EVA_SERVICE_STATUS', { details: { service: this.#service, status: reply.status, reason, ...pause } })
  }
}

function joined(parts: readonly Buffer[]): Uint8Array {
  const { buffer, byteOffset, length } = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
  return new Uint8Array(buffer, byteOffset, length)
}

function headersOf(request: Pick<ServiceRequest, 'body' | 'token' | 'headers'>): Record<string, string> {
  return {
    accept: 'application/json',
    ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(request.token === undefined ? {} : { authorization: `Bearer ${request.token}` }),
    ...request.headers,
  }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    return undefined // JSON has no undefined, so the caller can tell; what the parser disliked of a stranger's bytes helps nobody.
  }
}

function problemOf(reply: ServiceReply): Readonly<Record<string, unknown>> {
  if (!/^application\/(problem\+)?json\b/.test(onlyValue(reply.headers['content-type']) ?? '')) return {}
  const value = parseJson(reply.bytes)
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function reasonOf({ detail, title }: Readonly<Record<string, unknown>>): string | undefined {
  const text = [detail, title].find(each => typeof each === 'string')
  return typeof text === 'string' ? quote(text) : undefined
}

/** The body tells milliseconds, the header only seconds. */
function pauseOf({ retryAfterMs }: Readonly<Record<string, unknown>>, headers: ReplyHeaders): { readonly retryAfterMs?: number } {
  const headerMs = retryAfterMsOf(headers)
  if (headerMs === undefined) return {}
  return { retryAfterMs: typeof retryAfterMs === 'number' && retryAfterMs >= 0 && retryAfterMs < headerMs ? retryAfterMs : headerMs }
}

function detailsOf(problem: Readonly<Record<string, unknown>>): ErrorDetails {
  const known = new Set(['type', 'title', 'status', 'detail', 'code', 'nextStep', 'instance', 'retryAfterMs'])
  const details: Record<string, string | number | boolean> = {}
  for (const [name, value] of Object.entries(problem).slice(0, 32)) {
    if (known.has(name)) continue
    if (typeof value === 'string') details[name] = quote(value)
    else if (typeof value === 'number' || typeof value === 'boolean') details[name] = value
  }
  return details
}

function quote(text: string): string {
  return text.slice(0, QUOTE_LENGTH_MAX)
}
