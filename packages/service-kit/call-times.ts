// The times of calls that are answered beside the framework, added to the framework's own histogram when it is read.
// Not a histogram of its own: prom-client's takes a microsecond for each value, which is a tenth of such a call.
// Invariant: what was noted is in every reading from then on, once, under the labels of its route.

import type { Metric, Registry } from 'prom-client'
import { REQUEST_BUCKETS_SECONDS, REQUEST_HISTOGRAM } from './http-metrics.ts'

export interface CallLabels {
  readonly method: string
  readonly route: string
  readonly code: number
}

interface Sample {
  readonly labels: Partial<Record<string, string | number>>
  readonly metricName?: string
  value: number
}

/** What the registry asks of a metric when it is read. */
interface ReadableMetric {
  readonly name: string
  get(): Promise<{ values: Sample[] }>
  reset(): void
}

export class CallTimes {
  readonly #labels: CallLabels
  /** By bucket, the last one without bound; not cumulative. */
  #counts = new Float64Array(REQUEST_BUCKETS_SECONDS.length + 1)
  #sumSeconds = 0

  constructor(labels: CallLabels) {
    this.#labels = labels
  }

  note(seconds: number): void {
    let bucket = 0
    while (bucket < REQUEST_BUCKETS_SECONDS.length && seconds > (REQUEST_BUCKETS_SECONDS[bucket] as number)) bucket++
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#sumSeconds += seconds
  }

  /** From here on `metrics` tells what is noted; without the request histogram nothing does. */
  joinHistogram(metrics: Registry): void {
    const histogram = metrics.getSingleMetric(REQUEST_HISTOGRAM) as unknown as ReadableMetric | undefined
    if (histogram === undefined) return
    const joined: ReadableMetric = {
      name: REQUEST_HISTOGRAM,
      get: async () => {
        const reading = await histogram.get()
        this.#addTo(reading.values)
        return reading
      },
      reset: () => histogram.reset(),
    }
    metrics.removeSingleMetric(REQUEST_HISTOGRAM)
    metrics.registerMetric(joined as unknown as Metric)
  }

  #addTo(values: Sample[]): void {
    let count = 0
    for (const [bucket, bound] of [...REQUEST_BUCKETS_SECONDS, '+Inf'].entries()) {
      count += this.#counts[bucket] as number
      this.#addOne(values, { name: `${REQUEST_HISTOGRAM}_bucket`, le: bound, value: count })
    }
    this.#addOne(values, { name: `${REQUEST_HISTOGRAM}_sum`, le: undefined, value: this.#sumSeconds })
    this.#addOne(values, { name: `${REQUEST_HISTOGRAM}_count`, le: undefined, value: count })
  }

  #addOne(
    values: Sample[],
    { name, le, value }: { readonly name: string; readonly le: number | string | undefined; readonly value: number },
  ): void {
    const { method, route, code } = this.#labels
    const isSame = ({ metricName, labels }: Sample) =>
      metricName === name && labels.le === le && labels.method === method && labels.route === route && String(labels.code) === String(code)
    const same = values.find(isSame)
    if (same !== undefined) same.value += value
    else values.push({ metricName: name, labels: { ...(le === undefined ? {} : { le }), method, route, code }, value })
  }
}
