// Sentences about what a report states (reports/verdict/wording.py has those of the tool).

import { grouped } from './encoding.mjs'
import { VERDICTS } from './rows.mjs'
import { isAbove } from './arithmetic.mjs'
import { ratioText } from './ratios.mjs'

const MEANINGS = {
  AUTHENTIC: 'like specimens of the reference, and unlike the enrolled counterfeits',
  COUNTERFEIT: 'like the enrolled counterfeits, and unlike the reference',
  INCONCLUSIVE: 'no answer',
  UNFAMILIAR: 'unlike anything that the model was enrolled with',
  REFUSED: 'not judged: the file is not the signed one, or cannot be used',
  'was-enrolled': 'the model was enrolled with this image or its specimen, so that its answer is no evidence',
  'not-assessable': 'cannot be judged; `quality` of the image says why',
  'not-calibrated': 'too few specimens are enrolled for the error rate of the policy',
  'scale-unknown': 'the size of a pixel is not stated',
  'instrument-not-enrolled': 'no image of this instrument was enrolled',
  'instrument-confounded': 'imaging predicts the labels of the enrolled specimens',
  'not-sure': 'either class is possible',
  'pictures-disagree': 'the images of the specimen disagree',
  'too-few-tiles': 'too small a part of the specimen was compared',
  'picture-refused': 'an image of the specimen was refused',
  'least-not-reached': 'the answer does not hold against as many altered specimens as the policy asks for',
  'all-refused': 'every image of the specimen was refused',
}

// What the verdicts and reasons of some rows mean, each once; reasons of refused files have no other words here.
export function meaningsOf(rows) {
  const words = new Set(rows.flatMap(({ verdict, reasons }) => [verdict, ...reasons]))
  return Object.entries(MEANINGS).filter(([word]) => words.has(word))
}

// A p-value to three digits, rounded up.
export function pText(rank) {
  if (!rank) return 'not checked'
  const [numerator, denominator] = [1n + BigInt(rank.at_least), 1n + BigInt(rank.of)]
  const thousandths = Number((numerator * 1000n + denominator - 1n) / denominator)
  return (thousandths / 1000).toFixed(3)
}

export function pValue(rank) {
  return rank ? (1 + rank.at_least) / (1 + rank.of) : 2
}

// The likelihood ratios that are stated of a specimen: not where both classes are ruled out, nor through an instrument
// that speaks against the comparison, nor by fewer tiles than a calibrator holds for.
export function ratioTexts({ evidence }, { model, alpha }, rules) {
  if (!evidence || !model.ratios.length || rules.instrument.length) return []
  const isPossible = [evidence.authentic, evidence.counterfeit].some((rank) => rank && isAbove(rank, alpha))
  const { tiles } = evidence
  const fitted = model.enrolled_tiles
  const isEnough =
    tiles.length >= fitted.length && fitted.every((count, i) => 4n * BigInt(tiles[i]) >= 3n * BigInt(count))
  return isPossible && isEnough ? model.ratios.map((calibrator) => ratioText(calibrator, evidence.score)) : []
}

export function countsText(counts) {
  const stated = VERDICTS.map((verdict) => [counts[verdict.toLowerCase()], verdict]).filter(([count]) => count)
  return stated.map(([count, verdict]) => `${grouped(count)} ${verdict}`).join(', ') || 'nothing'
}

export function statementText(statement) {
  if (!statement) return null
  const { of, least_unlike: least, beyond, place, calibration } = statement
  const confidence = 'approximately 95 % confidence'
  const claim = least
    ? `At least ${least} of ${of} specimens ${least === 1 ? 'is' : 'are'} not like the reference, at ${confidence}`
    : `It is not shown at ${confidence} that any of ${of} specimens is not like the reference`
  const others = place === 1 ? 'each' : `all but at most ${place - 1}`
  return `${claim}. ${beyond} ${beyond === 1 ? 'is' : 'are'} less like it than ${others} of its ${calibration} enrolled specimens.`
}

export function robustnessText(claim) {
  if (!claim) return 'not stress-tested'
  return `${claim.outcome}${claim.stale ? ', stale' : ''}, policy ${claim.policy}, result of ${claim.day}, sha256:${claim.digest}, as the auditor says`
}

// The facts of a header of version 3, as pairs of a title and a sentence.
export function headerFacts({ header, entry }) {
  const { batch, model, policy, run, admission } = header
  return [
    ['report', `${header.id}, format ${header.format}`],
    ['signed by', `${entry?.principal ?? header.auditor.principal}, key sha256:${header.auditor.keyid}`],
    ['issued', `${header.issued}, as the auditor says`],
    ['specimens', countsText(header.specimens)],
    ['images', countsText(header.images)],
    ['whole batch', statementText(header.statement)],
    [
      'how often it errs',
      model.error_rates
        .map(({ errors, of, what, interval }) => `${errors} of ${of} ${what} (${interval})`)
        .join('; ') || 'not measured',
    ],
    ['batch', `sha256:${batch.payload}, ${grouped(batch.files)} files, signed by ${batch.signer.principal}`],
    [
      'device',
      `${batch.device}${batch.lab === null ? '' : `, ${batch.lab}`}, captured ${batch.captured}, as the batch's signer says`,
    ],
    ['enrolled devices', model.devices.join(', ') || 'not stated'],
    [
      'model',
      `${model.name}${model.base === null ? '' : `, enrolled on ${model.base}`}, sha256:${model.digest}${model.verified ? '' : ', NOT VERIFIED'}`,
    ],
    ['enrolled', `${model.enrolled_authentic} authentic and ${model.enrolled_counterfeit} counterfeit specimens`],
    ['stress test', robustnessText(header.robustness)],
    ['policy', `${policy.name}, error rate ${policy.alpha}, sha256:${policy.digest}`],
    ['case', header.case.join(' ')],
    ['admitted again', admission.again],
    ['out of order', admission.out_of_order ? 'the ledger had admitted a later batch of its device' : null],
    ['code', `sha256:${run.code}, ${run.released ? 'a release' : 'not a release'}, ${run.device}, ${run.precision}`],
  ]
}
