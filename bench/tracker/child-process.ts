// A process of the bench and its messages: one question, one answer, in order.
// Not what the process does: each has a main.ts of its own.
// Invariant: `close` ends it, as the end of its parent does; a process that ends early fails whoever waits for it.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { EvaError } from '@evastream/core/errors'

export class BenchProcess {
  readonly #child: ChildProcess

  constructor(path: string, nodeFlags: readonly string[] = []) {
    const url = new URL(path, import.meta.url)
    this.#child = fork(fileURLToPath(url), [], {
      execArgv: [...process.execArgv, ...nodeFlags],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
  }

  async ask<Answer>(question: object): Promise<Answer> {
    const over = new AbortController()
    const ended = once(this.#child, 'exit', { signal: over.signal }).then(
      () => Promise.reject(new EvaError('EVA_INTERNAL')),
      () => [],
    )
    const answer = once(this.#child, 'message', { signal: over.signal })
    this.#child.send(question)
    try {
      const [message] = await Promise.race([answer, ended])
      return message as Answer
    } finally {
      over.abort()
    }
  }

  close(): void {
    this.#child.disconnect()
  }
}

/** The other side: answers each question of the parent. */
export function answerParent<Question, Answer extends object>(answer: (question: Question) => Promise<Answer> | Answer): void {
  process.once('disconnect', () => process.exit())
  process.on('message', question => {
    void Promise.resolve(answer(question as Question)).then(reply => process.send?.(reply))
  })
}
