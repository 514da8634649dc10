// What a person reads when a command fails, and the code it exits with.
// Not the log: this is the one message on stderr, with the next step.
// Invariant: exit code 2 for what was typed or configured, 1 for everything else; never a stack trace.

import { type EvaError, toEvaError } from '@evastream/core/errors'
import { printable } from './printable-text.ts'

export interface FailureReport {
  /** Lines for stderr, ending in a line break. */
  readonly text: string
  readonly exitCode: 1 | 2
}

/** @param program the name in front of the message: `evastream metadata` */
export function reportFailure(thrown: unknown, program = 'evastream'): FailureReport {
  const error = toEvaError(thrown)
  const isUsage = error.code === 'EVA_USAGE' || error.code === 'EVA_CONFIG_INVALID'
  // Our own table's sentence for the unforeseen says nothing of what happened; its cause does.
  const cause = error.code === 'EVA_INTERNAL' ? ` (${causeOf(error)})` : ''
  const text = `${printable(program)}: ${printable(error.message + cause)}\n${printable(error.nextStep)} [${error.code}]\n`
  return { text, exitCode: isUsage ? 2 : 1 }
}

function causeOf(error: EvaError): string {
  const reason = error.details.reason
  if (typeof reason === 'string') return reason
  return error.cause instanceof Error ? error.cause.message : String(error.cause)
}
