// The rows of a report of version 3, and what no row can be (reports/verdict/rows.py, reports/verdict/claims.py).

import { toleranceOf } from './arithmetic.mjs'
import { boolean, digest, integer, list, matching, member, optional, record, text } from './records.mjs'

export const VERDICTS = ['AUTHENTIC', 'COUNTERFEIT', 'INCONCLUSIVE', 'UNFAMILIAR', 'REFUSED']
const LABELS = ['authentic', 'counterfeit']
const MARKS = ['picture', 'specimen', 'near-duplicate']
const SHARE = /^(0\.[0-9]{1,6}|1\.0{1,6})$/
const DECIMAL = /^-?[0-9]{1,12}\.[0-9]{1,6}$/
const MAP = /^(?=[-; ]*[0-9])(?:[0-9]{1,3}|-)(?:;? (?:[0-9]{1,3}|-))*$/
const NANOMETRES = /^(?=.*[1-9])(0|[1-9][0-9]{0,11})(\.[0-9]{0,40}[1-9])?$/

export const rank = record({ at_least: integer, of: integer }, ({ at_least, of }) =>
  at_least < 0 || at_least > of ? `${at_least} of ${of} scores` : null,
)

const judgement = record(
  {
    label: member(LABELS),
    votes_authentic: integer,
    votes_counterfeit: integer,
    score: matching(SHARE),
    gate: matching(SHARE),
    tiles: integer,
    map: optional(matching(MAP)),
    tolerance: optional(integer),
  },
  ({ label, votes_authentic, votes_counterfeit, tiles, tolerance }) => {
    if (Math.min(votes_authentic, votes_counterfeit, tiles) < 0) return 'fewer than no votes or tiles'
    if (votes_authentic > votes_counterfeit !== (label === 'authentic')) return `the votes are not for ${label}`
    const bound = toleranceOf([votes_counterfeit, votes_authentic])
    return tolerance === null || tolerance === bound ? null : `the votes do not give a tolerance of ${tolerance}`
  },
)

export const specimenEvidence = record(
  {
    authentic: optional(rank),
    counterfeit: optional(rank),
    spread: optional(rank),
    tiles: list(integer),
    reduced: boolean,
    conservative: boolean,
    score: matching(DECIMAL),
    weakest: optional(rank),
  },
  ({ authentic, counterfeit, spread, tiles }) => {
    if ((authentic === null) !== (counterfeit === null)) return 'a rank in one class, and none in the other'
    if (spread && (authentic === null || tiles.length < 2 || !spread.of))
      return 'a spread of one image, among no specimen, or without ranks'
    return tiles.length && arePositive(tiles) ? null : 'numbers of tiles that are not positive, largest first'
  },
)

export function arePositive(tiles) {
  return tiles.every((count, i) => count >= 1 && (i === 0 || tiles[i - 1] >= count))
}

export const imageRow = record(
  {
    name: text,
    sha256: optional(digest),
    pixels: optional(digest),
    specimen: optional(text),
    verdict: member(VERDICTS),
    reasons: list(text),
    judged: optional(judgement),
    scale: optional(record({ nm: matching(NANOMETRES), source: text })),
    steps: list(text),
    quality: optional(text),
    remarks: list(text),
    enrolled: optional(member(MARKS)),
    evidence: optional(specimenEvidence),
  },
  ({ sha256, pixels, specimen, verdict, judged, enrolled, evidence }) => {
    if (judged && (sha256 === null || pixels === null)) return 'was judged, and its file or its pixels have no digest'
    const lacks = enrolled === 'specimen' ? specimen === null : pixels === null
    if (enrolled && (verdict === 'REFUSED' || lacks)) return 'was enrolled by what it has not, or was refused'
    return evidence && (specimen !== null || !judged)
      ? "has evidence that is its specimen's, or of an image not judged"
      : null
  },
)

export const specimenRow = record({
  specimen: text,
  images: integer,
  verdict: member(VERDICTS),
  reasons: list(text),
  evidence: optional(specimenEvidence),
  tolerance: optional(integer),
})

// How many partitions may be altered before any of these images gets another label, or null.
export function leastTolerance(images) {
  const stated = images.filter(({ judged }) => judged).map(({ judged }) => judged.tolerance)
  return stated.length && !stated.includes(null) ? stated.reduce((least, bound) => Math.min(least, bound)) : null
}
