// From the evidence of specimens to the verdicts of all rows (reports/verdict/specimens.py).

import { sum } from './arithmetic.mjs'
import { leastTolerance } from './rows.mjs'
import { verdictOf } from './verdicts.mjs'

export const ALL_REFUSED = 'all-refused'

// The images of each specimen; one without a specimen's name is a specimen of its own.
export function bySpecimen(images) {
  const groups = new Map()
  for (const image of images) {
    const name = image.specimen
    const key = specimenKey(image)
    if (!groups.has(key)) groups.set(key, { name, images: [] })
    groups.get(key).images.push(image)
  }
  return groups
}

export function specimenKey({ specimen, name }) {
  return specimen === null ? `image ${name}` : `specimen ${specimen}`
}

// The stated evidence of each specimen that has some, by its key.
export function statedEvidence({ specimens, images }) {
  const evidence = new Map()
  for (const row of specimens) if (row.evidence) evidence.set(`specimen ${row.specimen}`, row.evidence)
  for (const row of images) if (row.specimen === null && row.evidence) evidence.set(specimenKey(row), row.evidence)
  return evidence
}

export function specimenVerdict(images, evidence, rules) {
  const reached = images.filter(({ verdict }) => verdict !== 'REFUSED')
  if (!reached.length) return { verdict: 'REFUSED', reasons: [ALL_REFUSED] }
  const judged = reached.filter((image) => image.judged)
  const facts = {
    labels: judged.map((image) => image.judged.label),
    ...ranksOf(evidence),
    enrolled: images.some((image) => image.enrolled !== null),
    scaleMissing: judged.some((image) => image.scale === null),
    refused: reached.length < images.length,
    tolerance: leastTolerance(judged),
  }
  return verdictOf(facts, rules)
}

export function ranksOf(evidence) {
  if (!evidence) return { authentic: null, counterfeit: null, spread: null, weakest: null, tiles: 0n }
  const { authentic, counterfeit, spread, weakest } = evidence
  return { authentic, counterfeit, spread, weakest, tiles: sum(evidence.tiles) }
}

// What the row of an image shows, given the verdict on its specimen: no answer stands beside one that was not judged.
export function imageVerdict(image, decided) {
  if (!image.judged && image.enrolled === null) return { verdict: 'INCONCLUSIVE', reasons: ['not-assessable'] }
  return decided
}
