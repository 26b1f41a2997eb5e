// Times as we write them, `2026-11-21T09:30:00Z`; here they are milliseconds since 1970.

import { malformed } from './refusal.mjs'

export const CLOCK_SKEW = 5 * 60 * 1000 // how far a signer's clock may run ahead of ours
export const DAY = 24 * 60 * 60 * 1000
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/

export function readTime(text, where) {
  const time = TIME.test(text) ? Date.parse(text) : NaN
  if (Number.isNaN(time) || writeTime(time) !== text || text.startsWith('0000')) {
    throw malformed(where, 'expected a time such as 2026-11-21T09:30:00Z')
  }
  return time
}

export function writeTime(time) {
  return new Date(time).toISOString().replace(/\.[0-9]+Z$/, 'Z')
}
