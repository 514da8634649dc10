// The log: JSON lines, pretty on a terminal, on stderr; with --json on stdout too, once the service is ready.
// Not the data a command prints: that goes to stdout by its own hand.
// Invariant: no character from a stranger can command the reader's terminal or forge a line.

import { createRequire } from 'node:module'
import { pino } from 'pino'
import { printable, printableJson, printableLines } from './printable-text.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export type Logger = pino.Logger

export interface LoggerOptions {
  readonly name: string
  readonly level?: LogLevel
  /** NDJSON on stdout after the ready line, for programs that read us. */
  readonly json?: boolean
}

/** What a log can be written to; process.stdout and process.stderr are two. */
export interface TextStream {
  readonly isTTY?: boolean
  write(text: string): unknown
}

export interface LogStreams {
  readonly stdout: TextStream
  readonly stderr: TextStream
}

const PRETTY_SETTINGS = { ignore: 'service,pid,hostname', translateTime: 'SYS:HH:MM:ss' }

const require = createRequire(import.meta.url)

const destinations = new WeakMap<Logger, LogDestination>()

/** @returns a pino logger; `token` and `authorization` fields are never written. */
export function createLogger(options: LoggerOptions, streams: LogStreams = process): Logger {
  const destination = new LogDestination(options.json ?? false, streams)
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: { service: options.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      redact: { paths: ['token', 'authorization', '*.token', '*.authorization'], censor: '(secret)' },
    },
    destination,
  )
  destinations.set(logger, destination)
  return logger
}

/** From now on a logger made with `json` writes to stdout: whoever reads there has had the ready line. */
export function moveLogToStdout(logger: Logger): void {
  destinations.get(logger)?.moveToStdout()
}

class LogDestination {
  readonly #json: boolean
  readonly #streams: LogStreams
  readonly #pretty: ((line: string) => string) | undefined
  #target: TextStream

  constructor(json: boolean, streams: LogStreams) {
    this.#json = json
    this.#streams = streams
    this.#target = streams.stderr
    this.#pretty = !json && streams.stderr.isTTY === true ? prettyPrinter() : undefined
  }

  write(line: string): void {
    this.#target.write(this.#pretty === undefined ? printableJson(line) : this.#pretty(visibleLine(line)))
  }

  moveToStdout(): void {
    if (this.#json) this.#target = this.#streams.stdout
  }
}

/** Loaded on a terminal only. */
function prettyPrinter(): (line: string) => string {
  const { isColorSupported, prettyFactory } = require('pino-pretty') as typeof import('pino-pretty')
  return prettyFactory({ ...PRETTY_SETTINGS, colorize: isColorSupported })
}

/** The pretty printer decodes JSON escapes, so what is hostile is made visible before it sees the line. */
function visibleLine(line: string): string {
  return `${JSON.stringify(JSON.parse(line), (key, value: unknown) => {
    if (typeof value !== 'string') return value
    return key === 'stack' ? printableLines(value) : printable(value)
  })}\n`
}
