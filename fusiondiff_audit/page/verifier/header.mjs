// The header of a report of version 3, and what no header can be (reports/verdict/header.py).

import { readRate } from './arithmetic.mjs'
import { MOST_SPECIMENS } from './constants.mjs'
import { malformed } from './refusal.mjs'
import { calibratorFault } from './ratios.mjs'
import { boolean, digest, integer, list, matching, member, optional, record, text } from './records.mjs'
import { VERDICTS, arePositive } from './rows.mjs'
import { compareText } from './encoding.mjs'
import { readTime } from './times.mjs'

export const NEWEST = 'fusiondiff-audit/report/v3'
export const FORMER = ['fusiondiff-audit/report/v1', 'fusiondiff-audit/report/v2']
const ALTERNATIVES = ['enrolled-makers', 'another-maker']
const DAY = /^20[0-9]{2}-[01][0-9]-[0-3][0-9]$/
const RATE = /^0\.[0-9]{1,6}$/

const key = record({ principal: text, keyid: text })
const counts = record(Object.fromEntries(VERDICTS.map((verdict) => [verdict.toLowerCase(), integer])))
const batch = record({
  payload: digest,
  signer: key,
  device: text,
  lab: optional(text),
  captured: text,
  sequence: text,
  nonce: text,
  files: integer,
  second: boolean,
})
const calibrator = record(
  {
    alternative: member(ALTERNATIVES),
    intercept: text,
    slope: text,
    floor: text,
    ceiling: text,
    reference: integer,
    others: integer,
  },
  calibratorFault,
)
const model = record(
  {
    name: text,
    digest,
    verified: boolean,
    enrolled_authentic: integer,
    enrolled_counterfeit: integer,
    partitions: integer,
    error_rates: list(record({ what: text, errors: integer, of: integer, interval: text })),
    devices: list(text),
    confounded: optional(boolean),
    ratios: list(calibrator),
    enrolled_tiles: list(integer),
    base: optional(text),
  },
  ({ devices, ratios, enrolled_tiles, partitions }) => {
    if (devices.some((device, i) => i && compareText(devices[i - 1], device) >= 0))
      return 'devices that are not sorted, each once'
    const places = ratios.map(({ alternative }) => ALTERNATIVES.indexOf(alternative))
    if (places.some((place, i) => i && places[i - 1] >= place))
      return 'calibrators that are not of each alternative once, in order'
    if (!arePositive(enrolled_tiles)) return 'numbers of enrolled tiles that are not positive, largest first'
    return partitions > 0 ? null : `${partitions} partitions`
  },
)
const policy = record(
  {
    name: text,
    digest,
    text,
    alpha: matching(RATE),
    needs_scale: boolean,
    needs_instrument: boolean,
    tolerance: optional(integer),
  },
  ({ alpha }) => (readRate(alpha).numerator ? null : `an error rate of ${alpha}`),
)
const run = record(
  {
    code: digest,
    released: boolean,
    device: text,
    precision: text,
    micro_batch: integer,
    threads: integer,
    noise_seed: digest,
    limit: optional(integer),
    libraries: list(record({ name: text, version: text })),
  },
  ({ limit }) => (limit !== null && limit < 1 ? `a limit of ${limit} images` : null),
)
const robustness = record(
  {
    outcome: member(['PASSED', 'FAILED', 'INCONCLUSIVE']),
    policy: text,
    policy_digest: optional(digest),
    day: matching(DAY),
    digest,
    stale: boolean,
  },
  ({ day }) => (midnight(day) === null ? `${day} is no day` : null),
)
const statement = record(
  { beyond: integer, of: integer, calibration: integer, place: integer, least_unlike: integer, approximate: boolean },
  ({ beyond, of, calibration, place, least_unlike }) => {
    if (!(beyond >= 0 && beyond <= of)) return `${beyond} of ${of} specimens are beyond`
    if (!(place >= 1 && place <= calibration && calibration <= MOST_SPECIMENS))
      return `place ${place} among ${calibration}`
    return least_unlike >= 0 && least_unlike <= beyond
      ? null
      : `at least ${least_unlike} unlike the reference, ${beyond} beyond`
  },
)
const header = record({
  format: member([NEWEST]),
  id: matching(/^[0-9a-f]{32}$/),
  issued: text,
  reference: text,
  demonstration: boolean,
  auditor: key,
  batch,
  trust: record({ fingerprint: digest, version: integer, expires: text }),
  model,
  policy,
  run,
  robustness: optional(robustness),
  admission: record({ again: optional(text), out_of_order: boolean }),
  ledger: optional(text),
  case: list(text),
  limits: list(text),
  specimens: counts,
  images: counts,
  statement: optional(statement),
})

// The header that a leaf states, with its time of issue in milliseconds and its error rate as a fraction.
export function readHeader(leaf, where) {
  const stated = header(leaf, where)
  return { ...stated, time: readTime(stated.issued, where), alpha: readRate(stated.policy.alpha) }
}

// The first millisecond of a day, or null where no calendar has it.
export function midnight(day) {
  try {
    return readTime(`${day}T00:00:00Z`, 'day')
  } catch {
    return null
  }
}

// The version that a leaf names; a version that is none is refused.
export function statedVersion(leaf, where) {
  const version = leaf?.format
  if (version !== NEWEST && !FORMER.includes(version)) throw malformed(where, 'a report of no version that is read')
  return version
}

// What a verdict depends on beside the evidence (the policy's rules, and what speaks against the instrument).
export function rulesOf({ alpha, policy, model, batch }) {
  const instrument = []
  if (!model.devices.includes(batch.device)) instrument.push('instrument-not-enrolled')
  if (model.confounded === true) instrument.push('instrument-confounded')
  const tiles = model.enrolled_tiles.reduce((total, count) => total + BigInt(count), 0n)
  return {
    alpha,
    needsScale: policy.needs_scale,
    tolerance: policy.tolerance,
    needsInstrument: policy.needs_instrument,
    instrument,
    leastTiles: (tiles + 3n) / 4n, // a quarter of those of enrolled specimens, rounded up
  }
}

export function countAll(counted) {
  return Object.values(counted).reduce((total, count) => total + BigInt(count), 0n)
}
