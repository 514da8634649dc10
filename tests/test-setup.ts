// Runs before every test file: property tests draw from one fixed seed, so that a red run can be had again.
// Not a fixture: it changes no behaviour. EVASTREAM_TEST_SEED picks another seed for a wider hunt.

import { env } from 'node:process'
import fc from 'fast-check'

fc.configureGlobal({ seed: Number(env.EVASTREAM_TEST_SEED ?? 20_261_123) })
