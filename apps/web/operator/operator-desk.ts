// The operator's acts as this page does them: with the token where one is asked for, and uploads whose progress can be seen.
// Not their rights: the server judges every call.
// Invariant: the token lives as long as this tab, in its own storage, and is sent to the page's own address only.

import { signal } from '@preact/signals'
import { ApiFailure, type PageApi } from '../api/page-api.ts'

export interface Upload {
  readonly name: string
  /** From 0 to 1. */
  readonly share: number
  readonly outcome: 'waiting' | 'running' | 'published' | 'known' | 'failed'
  readonly reason?: string
}

const TOKEN_KEY = 'evastream-operator-token'
const TOKEN_CODES: ReadonlySet<string> = new Set(['EVA_TOKEN_REQUIRED', 'EVA_TOKEN_REJECTED'])

export class OperatorDesk {
  readonly token = signal(sessionStorage.getItem(TOKEN_KEY) ?? '')
  readonly uploads = signal<readonly Upload[]>([])
  /** Counts what was changed here, for lists that show it. */
  readonly changes = signal(0)
  readonly #api: PageApi
  #working = Promise.resolve()

  constructor(deps: { readonly api: PageApi }) {
    this.#api = deps.api
  }

  useToken(token: string): void {
    this.token.value = token
    sessionStorage.setItem(TOKEN_KEY, token)
  }

  /** @throws ApiFailure */
  async call<Answer>(path: string, options: { method?: 'GET' | 'PATCH' | 'DELETE'; body?: unknown } = {}): Promise<Answer> {
    try {
      const answer = await this.#api.call<Answer>(`/api/operator${path}`, { ...options, headers: this.#authorization() })
      if (options.method !== undefined) this.changes.value++
      return answer
    } catch (thrown) {
      if (thrown instanceof ApiFailure && TOKEN_CODES.has(thrown.code)) this.useToken('')
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
      for (const [name, value] of Object.entries(this.#authorization())) request.setRequestHeader(name, value)
      request.setRequestHeader('content-type', 'application/octet-stream')
      request.upload.addEventListener('progress', ({ loaded, total }) => this.#tell(place, { share: total === 0 ? 0 : loaded / total }))
      request.addEventListener('loadend', () => {
        this.#tell(place, outcomeOf(request))
        this.changes.value++
        resolve()
      })
      request.send(file)
    })
  }

  #tell(place: number, news: Partial<Upload>): void {
    this.uploads.value = this.uploads.value.map((upload, index) => (index === place ? { ...upload, ...news } : upload))
  }

  #authorization(): Record<string, string> {
    return this.token.value === '' ? {} : { authorization: `Bearer ${this.token.value}` }
  }
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
