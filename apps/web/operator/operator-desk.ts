// The operator's acts as this page does them: with the token where one is asked for, and uploads whose progress can be seen.
// Not their rights: the server judges every call.
// Invariant: the token lives as long as this tab, in its own storage, and is sent to the page's own address only; one is kept
// only when the server took it, and let go when it is refused.

import { type ReadonlySignal, type Signal, signal } from '@preact/signals'
import { ApiFailure, type PageApi } from '../api/page-api.ts'

export interface Upload {
  readonly name: string
  /** From 0 to 1. */
  readonly share: number
  readonly outcome: 'waiting' | 'running' | 'published' | 'known' | 'failed'
  readonly reason?: string
}

export interface OperatorDeskDeps {
  readonly api: PageApi
  /** This tab's own. */
  readonly storage: Pick<Storage, 'getItem' | 'setItem'>
}

const TOKEN_KEY = 'evastream-operator-token'
/** What a header can carry, and what a token is made of. */
const TOKEN_EXPRESSION = /^[\x21-\x7e]{1,512}$/
const NOT_THE_TOKEN = "This is not the operator's token."
const NOT_ANY_MORE = 'The token is not accepted any more: give the new one.'
const TOKEN_CODES: ReadonlySet<string> = new Set(['EVA_TOKEN_REQUIRED', 'EVA_TOKEN_REJECTED'])

export class OperatorDesk {
  /** Empty: none was given in this tab. */
  readonly token: ReadonlySignal<string>
  /** Why the token that was given is not used; empty where there is nothing to say. */
  readonly tokenTrouble = signal('')
  readonly uploads = signal<readonly Upload[]>([])
  /** Counts what was changed here, for lists that show it. */
  readonly changes = signal(0)
  readonly #api: PageApi
  readonly #storage: OperatorDeskDeps['storage']
  readonly #token: Signal<string>
  #working = Promise.resolve()

  constructor({ api, storage }: OperatorDeskDeps) {
    this.#api = api
    this.#storage = storage
    this.#token = signal(storage.getItem(TOKEN_KEY) ?? '')
    this.token = this.#token
  }

  /** The headers by which the server knows its operator. */
  get headers(): Readonly<Record<string, string>> {
    return headersWith(this.token.value)
  }

  /** Asks the server whether this is the token, and keeps it if so; else `tokenTrouble` says what is wrong. */
  async tryToken(token: string): Promise<void> {
    try {
      if (!TOKEN_EXPRESSION.test(token)) throw new ApiFailure('EVA_TOKEN_REJECTED', NOT_THE_TOKEN)
      await this.#api.call('/api/operator/scan', { headers: headersWith(token) })
      this.#keep(token, '')
    } catch (thrown) {
      this.#keep('', isRefusal(thrown) ? NOT_THE_TOKEN : wordsOf(thrown))
    }
  }

  /** @throws ApiFailure */
  async call<Answer>(path: string, options: { method?: 'GET' | 'PATCH' | 'DELETE'; body?: unknown } = {}): Promise<Answer> {
    try {
      const answer = await this.#api.call<Answer>(`/api/operator${path}`, { ...options, headers: this.headers })
      if (options.method !== undefined) this.changes.value++
      return answer
    } catch (thrown) {
      if (isRefusal(thrown)) this.#keep('', NOT_ANY_MORE)
      throw thrown
    }
  }

  /** One after the other: together they would only share the line. */
  upload(files: Iterable<File>): void {
    for (const file of files) {
      const place = this.uploads.value.length
      this.uploads.value = [...this.uploads.value, { name: file.name, share: 0, outcome: 'waiting' }]
      this.#working = this.#working.then(() => this.#send(file, place))
    }
  }

  #send(file: File, place: number): Promise<void> {
    this.#tell(place, { outcome: 'running' })
    return new Promise(resolve => {
      // Only this kind of request tells how far its body got.
      const request = new XMLHttpRequest()
      request.open('POST', `/api/operator/songs?name=${encodeURIComponent(file.name)}`)
      for (const [name, value] of Object.entries(this.headers)) request.setRequestHeader(name, value)
      request.setRequestHeader('content-type', 'application/octet-stream')
      request.upload.addEventListener('progress', ({ loaded, total }) => this.#tell(place, { share: total === 0 ? 0 : loaded / total }))
      request.addEventListener('loadend', () => {
        this.#tell(place, outcomeOf(request))
        if (request.status === 401 || request.status === 403) this.#keep('', NOT_ANY_MORE)
        this.changes.value++
        resolve()
      })
      request.send(file)
    })
  }

  #tell(place: number, news: Partial<Upload>): void {
    this.uploads.value = this.uploads.value.map((upload, index) => (index === place ? { ...upload, ...news } : upload))
  }

  #keep(token: string, trouble: string): void {
    this.#token.value = token
    this.tokenTrouble.value = trouble
    this.#storage.setItem(TOKEN_KEY, token)
  }
}

function headersWith(token: string): Record<string, string> {
  return token === '' ? {} : { authorization: `Bearer ${token}` }
}

function isRefusal(thrown: unknown): boolean {
  return thrown instanceof ApiFailure && TOKEN_CODES.has(thrown.code)
}

function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : 'It did not work.'
}

function outcomeOf({ status, responseText }: XMLHttpRequest): Partial<Upload> {
  if (status === 201) return { outcome: 'published', share: 1 }
  if (status === 200) return { outcome: 'known', share: 1 }
  return { outcome: 'failed', reason: reasonIn(responseText) ?? 'EvaStream does not answer.' }
}

function reasonIn(text: string): string | undefined {
  try {
    const { detail } = JSON.parse(text) as { readonly detail?: unknown }
    return typeof detail === 'string' ? detail : undefined
  } catch {
    return undefined // Whatever stands there instead is no sentence for people.
  }
}
