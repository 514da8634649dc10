// A log that keeps its lines for the test to read.
// Not pino, and it prints nothing.
// Invariant: the lines are in the order in which they were written.

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: object
  readonly message: string
}

export class RecordedLog {
  readonly lines: LogLine[] = []

  debug(fields: object, message: string): void {
    this.lines.push({ level: 'debug', fields, message })
  }

  info(fields: object, message: string): void {
    this.lines.push({ level: 'info', fields, message })
  }

  warn(fields: object, message: string): void {
    this.lines.push({ level: 'warn', fields, message })
  }

  error(fields: object, message: string): void {
    this.lines.push({ level: 'error', fields, message })
  }

  /** The messages of one level. */
  messages(level: LogLine['level']): string[] {
    return this.lines.filter(line => line.level === level).map(line => line.message)
  }
}
