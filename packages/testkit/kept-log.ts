// A log that a test can read.
// Not a logger: levels are words at the start of a line, fields are JSON at its end.
// Invariant: lines are kept in the order in which they were written.

type LogLine = (fields: object, message: string) => void

export interface KeptLog {
  readonly lines: readonly string[]
  readonly log: { readonly debug: LogLine; readonly info: LogLine; readonly warn: LogLine; readonly error: LogLine }
}

export function keptLog(): KeptLog {
  const lines: string[] = []
  const keep =
    (level: string): LogLine =>
    (fields, message) =>
      void lines.push(`${level} ${message} ${JSON.stringify(fields)}`)
  return { lines, log: { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') } }
}
