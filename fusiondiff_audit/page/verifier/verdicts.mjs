// The one rule by which evidence becomes a verdict (reports/verdict/verdicts.py has its eight steps in words).

import { isAbove } from './arithmetic.mjs'

// The verdict and its reasons, of a specimen or of an image without a specimen's name.
export function verdictOf(evidence, rules) {
  if (evidence.enrolled) return inconclusive('was-enrolled') // 1
  if (!evidence.labels.length) return inconclusive('not-assessable') // 2
  const { verdict, reasons } = ofRanks(evidence, rules)
  return { verdict, reasons: rules.needsInstrument ? reasons : [...reasons, ...rules.instrument] }
}

function ofRanks(evidence, rules) {
  const { authentic, counterfeit, spread } = evidence
  if (authentic === null || counterfeit === null) return inconclusive('not-calibrated') // 3
  if (rules.needsScale && evidence.scaleMissing) return inconclusive('scale-unknown') // 4
  if (rules.needsInstrument && rules.instrument.length) return inconclusive(...rules.instrument) // 5
  if (evidence.refused) return inconclusive('picture-refused') // 6
  const isAuthentic = isAbove(authentic, rules.alpha)
  const isCounterfeit = isAbove(counterfeit, rules.alpha)
  if (isAuthentic && isCounterfeit) return inconclusive('not-sure') // 7
  if (!isAuthentic && !isCounterfeit) {
    if (spread !== null && !isAbove(spread, rules.alpha)) return inconclusive('pictures-disagree')
    return { verdict: 'UNFAMILIAR', reasons: ['unfamiliar'] }
  }
  if (isAuthentic) {
    if (evidence.weakest !== null && !isAbove(evidence.weakest, rules.alpha)) return inconclusive('pictures-disagree')
    if (evidence.tiles < rules.leastTiles) return inconclusive('too-few-tiles')
  }
  const label = isAuthentic ? 'authentic' : 'counterfeit'
  const isCertified =
    evidence.labels.every((own) => own === label) && (evidence.tolerance ?? 0) >= (rules.tolerance ?? 0)
  if (rules.tolerance && !isCertified) return inconclusive('least-not-reached') // 8
  return { verdict: label.toUpperCase(), reasons: [] }
}

function inconclusive(...reasons) {
  return { verdict: 'INCONCLUSIVE', reasons }
}
