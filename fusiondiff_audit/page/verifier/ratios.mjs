// Likelihood ratios: decimals of calibrators and their bounds in exact fractions, and the ratio of a score
// (reports/verdict/likelihood_ratio.py). Ratios are shown, never signed.

import { MOST_SPECIMENS } from './constants.mjs'
import { NeedsTool } from './refusal.mjs'

const STORED_DIGITS = 12
const LARGEST_EXPONENT = 30
const DECIMAL = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,9}))?$/
const ONE = 10n ** 40n // numbers with 40 decimals
const LARGEST_LOG = 20n * ONE

// A decimal as Python reads it, as coefficient and exponent; other forms that Python reads need the tool.
export function readDecimal(text) {
  const match = DECIMAL.exec(text)
  if (!match || !(match[2] || match[3])) throw new NeedsTool('a decimal in a form that is not read here')
  const digits = match[2] + (match[3] ?? '')
  const exponent = Number(match[4] ?? 0) - (match[3] ?? '').length
  return { coefficient: BigInt(match[1] + digits.replace(/^0+(?=.)/, '')), exponent, negative: match[1] === '-' }
}

// What no calibrator can be, or null.
export function calibratorFault(calibrator) {
  const { reference, others } = calibrator
  if (!(reference > 0 && reference <= MOST_SPECIMENS && others > 0 && others <= MOST_SPECIMENS))
    return 'a calibrator of no specimens, or of too many'
  const numbers = ['intercept', 'slope', 'floor', 'ceiling'].map((name) => readDecimal(calibrator[name]))
  if (!numbers.every(isShort)) return "a calibrator's number has too many digits"
  const [, slope, floor, ceiling] = numbers
  if (slope.coefficient < 0n) return 'a negative slope'
  const [n, m] = [BigInt(reference), BigInt(others)]
  const [one, most, least] = [
    [1n, 1n],
    [n * (m + 1n), n + 1n],
    [m + 1n, m * (n + 1n)],
  ]
  if (!(isAtMost(one, ceiling) && isAtLeast(most, ceiling))) return 'a ceiling that so many specimens cannot support'
  if (!(isAtMost(least, floor) && isAtLeast(one, floor))) return 'a floor that so many specimens cannot support'
  return null
}

function isShort({ coefficient, exponent }) {
  const digits = String(coefficient).replace('-', '').length
  return digits <= STORED_DIGITS && Math.abs(exponent + digits - 1) <= LARGEST_EXPONENT
}

function compare([numerator, denominator], { coefficient, exponent }) {
  const [up, down] = [10n ** BigInt(Math.max(exponent, 0)), 10n ** BigInt(Math.max(-exponent, 0))]
  const difference = numerator * down - coefficient * up * denominator
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

const isAtMost = (fraction, decimal) => compare(fraction, decimal) <= 0
const isAtLeast = (fraction, decimal) => compare(fraction, decimal) >= 0

// The ratio of a score, to two digits rounded towards 1, as `12` or `1/40`.
export function ratioText(calibrator, score) {
  const [intercept, slope, floor, ceiling, own] = [
    calibrator.intercept,
    calibrator.slope,
    calibrator.floor,
    calibrator.ceiling,
    score,
  ].map(fixed)
  let log = intercept + (slope * own) / ONE
  log = log > LARGEST_LOG ? LARGEST_LOG : log < -LARGEST_LOG ? -LARGEST_LOG : log
  let ratio = exponential(log)
  ratio = ratio > ceiling ? ceiling : ratio < floor ? floor : ratio
  return ratio >= ONE ? twoDigits(ratio) : `1/${twoDigits(nineDigits((ONE * ONE) / ratio))}`
}

function fixed(text) {
  const { coefficient, exponent } = readDecimal(text)
  return exponent >= -40 ? coefficient * 10n ** BigInt(40 + exponent) : coefficient / 10n ** BigInt(-40 - exponent)
}

function exponential(log) {
  const HALVES = 10n
  const small = log >> HALVES
  let [term, total] = [ONE, ONE]
  for (let n = 1n; term; n++) {
    term = (term * small) / (ONE * n)
    total += term
  }
  for (let i = 0n; i < HALVES; i++) total = (total * total) / ONE
  return total
}

function nineDigits(number) {
  const unit = 10n ** BigInt(String(number).length - 9)
  return ((number + unit / 2n) / unit) * unit
}

function twoDigits(number) {
  const unit = 10n ** BigInt(String(number).length - 2)
  const shown = (number / unit) * unit
  const whole = String(shown / ONE)
  const decimals = String(shown % ONE)
    .padStart(40, '0')
    .replace(/0+$/, '')
  return decimals ? `${whole}.${decimals}` : whole.replace(/\B(?=(\d{3})+$)/g, ',')
}
