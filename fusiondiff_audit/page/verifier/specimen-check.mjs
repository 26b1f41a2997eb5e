// Whether a specimen's row in an excerpt is possible, given the one image of it that the excerpt shows: every fact about
// the other images that the rule depends on is tried (reports/verdict/specimen_check.py).

import { toleranceOf } from './arithmetic.mjs'
import { isComparable, isRanked, numbersFault } from './evidence.mjs'
import { countAll, rulesOf } from './header.mjs'
import { same } from './records.mjs'
import { leastTolerance } from './rows.mjs'
import { ALL_REFUSED, imageVerdict, ranksOf, specimenVerdict } from './specimens.mjs'
import { verdictOf } from './verdicts.mjs'

// Why no specimen with this image has this row, or null.
export function specimenFault(row, image, header) {
  if (row.images < 1) return 'has no image, and one is shown'
  if (BigInt(row.images) > countAll(header.images)) return 'has more images than the header counts'
  const follows = imageVerdict(image, row)
  if (image.verdict !== 'REFUSED' && !same([image.verdict, image.reasons], [follows.verdict, follows.reasons])) {
    return 'has another verdict than its image, or for other reasons'
  }
  return evidencePossible(row, image, header) ?? verdictPossible(row, image, header)
}

// Why the header's counts exclude these rows, or null.
export function countFault(row, image, header) {
  if (!header.images[image.verdict.toLowerCase()]) return `the header counts no image that is ${image.verdict}`
  return row && !header.specimens[row.verdict.toLowerCase()]
    ? `the header counts no specimen that is ${row.verdict}`
    : null
}

function evidencePossible(row, image, header) {
  const { evidence } = row
  const { judged } = image
  const isAbove = judged && (row.tolerance ?? 0) > (judged.tolerance ?? 0)
  if (!evidence) {
    if (isComparable([image]) && isRanked(header)) return 'was not compared with the enrolled specimens, and can be'
    return isAbove && row.tolerance !== null ? 'has a tolerance above that of its image' : null
  }
  const fault = numbersFault(evidence, header)
  if (fault) return fault
  if (evidence.tiles.length > row.images - (judged ? 0 : 1)) return 'was compared by more images than could be'
  if (judged && !evidence.reduced && !evidence.tiles.includes(judged.tiles))
    return 'was compared by all its tiles, and not by those of its image'
  if (isAbove) return 'has a tolerance above that of its image'
  const most = toleranceOf([0, header.model.partitions])
  const isStated = row.tolerance !== null
  if (isStated !== (header.policy.tolerance !== null) || (row.tolerance ?? 0) > most)
    return 'has a tolerance that was not asked for, or that no votes give'
  return null
}

function verdictPossible(row, image, header) {
  const rules = rulesOf(header)
  const stated = { verdict: row.verdict, reasons: row.reasons }
  if (row.images === 1) {
    const decided = { ...specimenVerdict([image], row.evidence, rules), tolerance: leastTolerance([image]) }
    return same({ ...stated, tolerance: row.tolerance }, decided)
      ? null
      : 'does not follow from its own numbers and its one image'
  }
  if (image.verdict === 'REFUSED' && same(stated, { verdict: 'REFUSED', reasons: [ALL_REFUSED] })) {
    return row.evidence === null && row.tolerance === null ? null : 'has numbers, and all its images were refused'
  }
  const isPossible = possibleFacts(row, image).some((facts) => same(stated, verdictOf(facts, rules)))
  return isPossible ? null : 'does not follow from its own numbers, whatever its other images are'
}

// What may be true of a specimen with this row, this image and at least one other.
function possibleFacts({ evidence, tolerance }, image) {
  const { judged } = image
  const isRefused = image.verdict === 'REFUSED'
  const shown = judged ? [judged.label] : []
  const either = [false, true]
  const enrolled = isRefused ? either : [image.enrolled !== null]
  const missing = judged && image.scale === null ? [true] : either
  const facts = []
  for (const others of [[], ['authentic'], ['counterfeit'], ['authentic', 'counterfeit']]) {
    for (const mark of enrolled) {
      for (const scaleMissing of missing) {
        for (const refused of isRefused ? [true] : either) {
          facts.push({
            labels: [...shown, ...others],
            ...ranksOf(evidence),
            enrolled: mark,
            scaleMissing,
            refused,
            tolerance,
          })
        }
      }
    }
  }
  return evidence ? facts.filter(({ labels, enrolled: mark }) => labels.length && !mark) : facts
}
