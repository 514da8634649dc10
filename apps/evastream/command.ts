// What a verb of the command line is: its words for people, its options, and what it does.
// Not the verbs: each has a file under commands/, and verbs.ts lists them.
// Invariant: a verb gets its options checked and frozen, and answers with an exit code or an EvaError.

import type { ConfigValues, LoadedConfig, OptionTable } from '@evastream/service-kit/config'
import type { Logger } from '@evastream/service-kit/logger'
import type { RunningService } from '@evastream/service-kit/run-service'

/** What a verb may touch of the process it runs in. */
export interface CommandHost {
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly stdin: NodeJS.ReadStream
  readonly env: NodeJS.ProcessEnv
  /** Aborted by the first SIGINT or SIGTERM; services have their own way of ending. */
  readonly signal: AbortSignal
}

export type ExitCode = number

export interface Command<T extends OptionTable = OptionTable> {
  readonly verb: string
  /** One line in `evastream help`. */
  readonly summary: string
  /** One line that could be typed. */
  readonly example: string
  readonly options: T
  /** Names of the words that are no flags; one that ends in `?` may be left out, one that ends in `...` stands for any number. */
  readonly positionals: readonly string[]
  /** A service handles signals and ends the process by itself. */
  readonly isService: boolean
  run(config: LoadedConfig<T>, host: CommandHost): Promise<ExitCode>
}

interface CommandSpec<T extends OptionTable> {
  readonly verb: string
  readonly summary: string
  readonly example: string
  readonly options: T
  readonly positionals?: readonly string[]
  readonly isService?: boolean
  readonly run: (config: LoadedConfig<T>, host: CommandHost) => Promise<ExitCode>
}

/** The registry holds verbs of many option tables; each is run only with values loaded by its own. */
export function defineCommand<const T extends OptionTable>(spec: CommandSpec<T>): Command {
  return { positionals: [], isService: false, ...spec }
}

interface ServiceSpec<T extends OptionTable> {
  readonly verb: string
  readonly summary: string
  readonly example: string
  readonly options: T
  readonly start: (values: ConfigValues<T>, logger: Logger) => Promise<RunningService>
}

/** A verb that is a service: it runs until a signal, and ends the process itself. */
export function defineServiceCommand<const T extends OptionTable>({ start, ...spec }: ServiceSpec<T>): Command {
  return defineCommand({
    ...spec,
    isService: true,
    run: async ({ values }) => {
      const [{ createLogger }, { runService }] = await Promise.all([
        import('@evastream/service-kit/logger'),
        import('@evastream/service-kit/run-service'),
      ])
      const { json, 'log.level': level } = values as { json: boolean; 'log.level': 'info' }
      const logger = createLogger({ name: spec.verb, level, json })
      await runService({ service: spec.verb, json, logger, start: () => start(values, logger) })
      return 0
    },
  })
}
