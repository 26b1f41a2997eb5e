// Whether a header follows from its own numbers and from the policy that it quotes (reports/verdict/consistency.py,
// reports/verdict/error_rates.py).

import { errorBounds } from './arithmetic.mjs'
import { leastUnlike, statementPlace } from './batch-statement.mjs'
import { EMBEDDED_BUNDLES, MOST_SPECIMENS, SAME_OBJECT, STANDARD_LIMITS } from './constants.mjs'
import { compareText, grouped, hex, utf8 } from './encoding.mjs'
import { isCalibrated } from './evidence.mjs'
import { MAX_TEXT, readFields } from './fields.mjs'
import { countAll } from './header.mjs'
import { nameFault } from './model-names.mjs'
import { contradiction } from './refusal.mjs'
import { same } from './records.mjs'
import { sha256 } from './sha256.mjs'
import { stressClaimFault } from './stress-claim.mjs'

const CLASS_RATES = ['known copies accepted', 'own specimens rejected']
const MAKER_RATE = 'maker never enrolled accepted: '
const MOST_ROWS = 1_000_000n
const MOST = 1000

export function refuseInconsistentHeader(header, where) {
  const fault = numbersFault(header) ?? identityFault(header)
  if (fault) throw contradiction(where, fault)
  refuseOtherRules(header, where)
  const { limit } = header.run
  const notice = limit === null ? [] : [`Only the first ${grouped(limit)} images of the batch were asked for.`]
  if (notice.some((sentence) => !header.limits.includes(sentence)))
    throw contradiction(where, 'does not state that not all images were asked for')
  const demanded = [...STANDARD_LIMITS, ...notice]
  const complete = demanded.every((sentence) => header.limits.includes(sentence))
  if (!complete || header.limits.some((sentence) => sentence !== SAME_OBJECT && !demanded.includes(sentence))) {
    throw contradiction(where, 'what it states that it does not prove is not what every report states')
  }
}

function numbersFault(header) {
  const { model } = header
  const enrolled = [model.enrolled_authentic, model.enrolled_counterfeit]
  if (Math.min(...enrolled) < 0 || Math.max(...enrolled) > MOST_SPECIMENS)
    return 'fewer than no enrolled specimens, or too many'
  if ((model.ratios.length || model.error_rates.length) && !model.enrolled_tiles.length) {
    return 'it states likelihood ratios or error rates of a model that ranks nobody'
  }
  for (const { reference, others, alternative } of model.ratios) {
    if (reference > enrolled[0] || others > enrolled[1])
      return `its likelihood ratios for ${alternative} are of more specimens than were enrolled`
  }
  return errorRateFault(model) ?? statementFault(header)
}

function errorRateFault({ error_rates: rates, enrolled_authentic, enrolled_counterfeit }) {
  const makers = rates.filter(({ what }) => what.startsWith(MAKER_RATE))
  const names = rates.filter(({ what }) => !what.startsWith(MAKER_RATE)).map(({ what }) => what)
  if (
    !same(
      names,
      CLASS_RATES.filter((name) => names.includes(name)),
    ) ||
    !same(rates.slice(names.length), makers)
  ) {
    return 'it has error rates of other names, or in another order'
  }
  for (const { what, errors, of } of rates) {
    const enrolled = what === CLASS_RATES[1] ? enrolled_authentic : enrolled_counterfeit
    if (!(errors >= 0 && errors <= of && of >= 1 && of <= enrolled))
      return `it states ${errors} errors of ${of}, and ${enrolled} were enrolled: ${what}`
  }
  if (makers.reduce((total, { of }) => total + of, 0) > enrolled_counterfeit)
    return 'its makers have more specimens than were enrolled'
  if (new Set(makers.map(({ what }) => what)).size < makers.length) return 'it has two error rates of one maker'
  const isWorse = (one, other) => other.errors * one.of - one.errors * other.of || compareText(one.what, other.what)
  if (makers.some((rate, i) => i && isWorse(makers[i - 1], rate) > 0))
    return 'its makers are not in the order of their error rates, worst first'
  for (const { what, errors, of, interval } of rates) {
    if (interval !== errorBounds(errors, of)) return `the interval of an error rate does not follow: ${what}`
  }
  return null
}

function statementFault(header) {
  const { statement, alpha } = header
  if (statement === null) return null
  const { beyond, of, place } = statement
  const calibration = header.model.enrolled_authentic
  const specimens = countAll(header.specimens)
  if (
    !isCalibrated(header) ||
    statement.calibration !== calibration ||
    BigInt(of) > specimens ||
    BigInt(of) > MOST_ROWS
  ) {
    return 'it makes a statement on the batch by other specimens than there are'
  }
  if (place !== statementPlace(calibration, alpha) || !statement.approximate) {
    return "it makes a statement on the batch by another score than the policy's error rate gives"
  }
  const least = leastUnlike(beyond, { of, calibration, place })
  return least === statement.least_unlike ? null : 'its statement on the batch does not follow from its counts'
}

function identityFault({ model, reference, demonstration }) {
  const fault = nameFault(model)
  const pin = EMBEDDED_BUNDLES[model.digest]
  if (fault || !pin) return fault
  if (!demonstration) return `it was made with ${pin.name}, and is not marked DEMONSTRATION`
  const isOwn = model.name === pin.name && model.base === null && reference === pin.reference
  return isOwn ? null : `it was made with ${pin.name}, and gives it another name or reference`
}

// Refuse rules other than those of the policy that the header quotes, and what that policy does not allow.
function refuseOtherRules(header, where) {
  const { policy } = header
  const bytes = utf8(policy.text)
  if (hex(sha256(bytes)) !== policy.digest) throw contradiction(where, 'the policy that it quotes has another digest')
  const stated = readFields(bytes, `${where}: policy`, { limit: MAX_TEXT })
  const rate = stated.fields('decide').text('error_rate')
  const intake = stated.fields('intake')
  const certify = stated.fields('certify')
  const least = certify.text('poisoning') === 'on' ? certify.integer('tolerance', 0, MOST) : null
  const demanded = [
    rate,
    intake.text('scale') === 'required',
    intake.text('instrument') === 'required',
    stated.text('name'),
    least,
  ]
  if (!same(demanded, [policy.alpha, policy.needs_scale, policy.needs_instrument, policy.name, policy.tolerance])) {
    throw contradiction(where, 'it does not go by the policy that it quotes')
  }
  if (!same(stated.fields('case').texts('text', MOST), header.case))
    throw contradiction(where, 'its case is not that of the policy that it quotes')
  if (intake.boolean('second_signature') && !header.batch.second) {
    throw contradiction(where, 'the policy that it quotes asks for a second signature, and it saw none')
  }
  const claim = header.robustness
  if (
    stated.fields('robustness').text('result') === 'required' &&
    !(claim && claim.outcome === 'PASSED' && !claim.stale)
  ) {
    throw contradiction(where, 'the policy that it quotes requires a stress test that was passed, and it has none')
  }
  const fault = stressClaimFault(header, stated.fields('robustness'))
  if (fault) throw contradiction(where, fault)
}
