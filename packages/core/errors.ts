// The one error class of the house, and what turns a row of the table into a sentence.
// Not the table: that is error-table.ts. Not for control flow: an outcome that is expected is returned as a union, not thrown.
// Invariant: an error's code is a row of the table, so that ban, retry and HTTP decisions read fields, never names.

import { type Culprit, ERROR_TABLE } from './error-table.ts'

export type ErrorCode = keyof typeof ERROR_TABLE

export type ErrorDetails = Readonly<Record<string, string | number | boolean>>

export interface EvaErrorOptions {
  readonly details?: ErrorDetails
  readonly cause?: unknown
}

/** Every error this project throws. `code` is for programs, `message` for people, `details` for both. */
export class EvaError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, options: EvaErrorOptions = {}) {
    const details = options.details ?? {}
    super(fillIn(ERROR_TABLE[code].message, details), options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'EvaError'
    this.code = code
    this.details = details
  }

  get httpStatus(): number {
    return ERROR_TABLE[this.code].httpStatus
  }

  get blames(): Culprit {
    return ERROR_TABLE[this.code].blames
  }

  get retryable(): boolean {
    return ERROR_TABLE[this.code].retryable
  }

  get nextStep(): string {
    return fillIn(ERROR_TABLE[this.code].nextStep, this.details)
  }
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_TABLE, value)
}

/** Any thrown value as an EvaError: one of ours stays itself, anything else becomes `EVA_INTERNAL` with its cause. */
export function toEvaError(thrown: unknown): EvaError {
  return thrown instanceof EvaError ? thrown : new EvaError('EVA_INTERNAL', { cause: thrown })
}

function fillIn(template: string, details: ErrorDetails): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(details, name) ? String(details[name]) : whole === '{holder}' ? '' : whole,
  )
}
