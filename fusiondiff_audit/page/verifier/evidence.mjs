// Whether a specimen can have the evidence that its row states (reports/verdict/evidence_check.py, coverage.py).

import { leastSpecimens } from './arithmetic.mjs'

export function isCalibrated({ model, alpha }) {
  return Math.min(model.enrolled_authentic, model.enrolled_counterfeit) >= leastSpecimens(alpha)
}

export function isRanked({ model }) {
  return model.enrolled_tiles.length > 0
}

// Whether a specimen can be ranked: an image of it is assessable, and the model was enrolled with none.
export function isComparable(images) {
  return (
    images.some(({ judged }) => judged) &&
    images.every(({ verdict, enrolled }) => verdict === 'REFUSED' || enrolled === null)
  )
}

// Why a header excludes evidence, whatever its images are, or null.
export function numbersFault({ authentic, counterfeit, spread }, header) {
  const { model } = header
  const expected = isCalibrated(header) ? [model.enrolled_authentic, model.enrolled_counterfeit] : [null, null]
  if ((authentic?.of ?? null) !== expected[0] || (counterfeit?.of ?? null) !== expected[1]) {
    return 'has ranks among other specimens than are enrolled, or lacks some'
  }
  const enrolled = model.enrolled_authentic + model.enrolled_counterfeit
  if (spread && !(leastSpecimens(header.alpha) <= spread.of && spread.of <= enrolled))
    return `has a spread among ${spread.of} specimens`
  return null
}

// Why a specimen with these images cannot have this evidence, or null.
export function evidenceFault(evidence, images, header) {
  const expected = isRanked(header) && isComparable(images)
  if (!evidence) return expected ? 'was not compared with the enrolled specimens, and can be' : null
  if (!expected) return 'was enrolled, is not assessable or has a model that ranks nobody, and has evidence'
  const tiles = images
    .filter(({ judged }) => judged)
    .map(({ judged }) => judged.tiles)
    .sort((a, b) => b - a)
  const used = evidence.tiles
  if (used.length > tiles.length || used.some((count, i) => count > tiles[i]))
    return 'was compared by more tiles than it has'
  const isAll = used.length === tiles.length && used.every((count, i) => count === tiles[i])
  if (evidence.reduced === isAll) return 'states wrongly whether it lacks tiles'
  const { weakest, authentic } = evidence
  if ((weakest !== null) !== (used.length < tiles.length && authentic !== null)) {
    return 'has more images than were compared, and no rank of groups, or the other way round'
  }
  if (weakest && authentic && (weakest.of !== authentic.of || weakest.at_least > authentic.at_least)) {
    return 'has a rank of groups of its images above that of those drawn, or among other specimens'
  }
  return numbersFault(evidence, header)
}
