// The formulas of reports/arithmetic.py: p-values by whole numbers, intervals of error rates, tolerances.

import { MOST_SPECIMENS } from './constants.mjs'
import { NeedsTool } from './refusal.mjs'

const TAIL = 0.025 // on either side of an interval
const HALVINGS = 40
const CERTAIN = 2e-7 // thousandths: two correct computations in floating point are nearer than this

// The error rate of a policy, `0.05`, as a numerator and a denominator.
export function readRate(decimal) {
  const digits = decimal.split('.')[1]
  return { numerator: BigInt(digits), denominator: 10n ** BigInt(digits.length) }
}

// p = (1 + at_least) / (1 + of) > alpha
export function isAbove(rank, alpha) {
  return (1n + BigInt(rank.at_least)) * alpha.denominator > (1n + BigInt(rank.of)) * alpha.numerator
}

// ceil(1 / alpha - 1): with fewer specimens of a class it can never be ruled out.
export function leastSpecimens({ numerator, denominator }) {
  return Number((denominator - numerator + numerator - 1n) / numerator)
}

export function sum(numbers) {
  return numbers.reduce((total, number) => total + BigInt(number), 0n)
}

// How many partitions may be altered without another class winning, of two; the first one wins ties.
export function toleranceOf([first, second]) {
  return first >= second ? Math.floor((first - second) / 2) : Math.floor((second - first - 1) / 2)
}

// Clopper and Pearson's 95 % interval, rounded outwards to tenths of a per cent.
export function errorBounds(errors, of) {
  const log = logChoices(of)
  const low = errors === 0 ? 0 : crossing((p) => atMost(errors - 1, of, p, log) < 1 - TAIL)
  const high = errors === of ? 1 : crossing((p) => atMost(errors, of, p, log) <= TAIL)
  return `${tenths(Math.floor, low)} to ${tenths(Math.ceil, high)} %`
}

function tenths(round, end) {
  const thousandths = 1000 * end
  const nearest = Math.round(thousandths)
  const distance = Math.abs(thousandths - nearest)
  if (distance > CERTAIN && distance < 1e-6)
    throw new NeedsTool('an interval whose end is too near to a rounding bound')
  return ((distance <= CERTAIN ? nearest : round(thousandths)) / 10).toFixed(1)
}

function logChoices(of) {
  if (of > MOST_SPECIMENS) throw new RangeError(`${of} specimens`)
  const logFactorial = new Float64Array(of + 1)
  for (let k = 1, rest = 0; k <= of; k++) {
    const term = Math.log(k) - rest // summed with compensation (Kahan)
    const total = logFactorial[k - 1] + term
    rest = total - logFactorial[k - 1] - term
    logFactorial[k] = total
  }
  return (k) => logFactorial[of] - logFactorial[k] - logFactorial[of - k]
}

function atMost(errors, of, rate, log) {
  const [success, failure] = [Math.log(rate), Math.log1p(-rate)]
  let total = 0
  for (let k = 0, rest = 0; k <= errors; k++) {
    const term = Math.exp(log(k) + k * success + (of - k) * failure) - rest
    const next = total + term
    rest = next - total - term
    total = next
  }
  return total
}

function crossing(isBeyond) {
  let [low, high] = [0, 1]
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2
    if (isBeyond(middle)) high = middle
    else low = middle
  }
  return high
}
