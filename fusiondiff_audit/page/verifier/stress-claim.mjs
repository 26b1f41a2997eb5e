// The claim of a stress test, compared with the policy that the header quotes (reports/verdict/stress_claim.py).

import { EMBEDDED_BUNDLES, STRESS_POLICIES } from './constants.mjs'
import { midnight } from './header.mjs'
import { quoted } from './refusal.mjs'
import { DAY } from './times.mjs'

const MOST_DAYS = 3650
const MOST_POLICIES = 100

// Why the policy's `[robustness]` does not allow the header's claim of a stress test, or null.
export function stressClaimFault(header, requirement) {
  const claim = header.robustness
  if (claim === null) return null // consistency.mjs refuses that where a result is required
  const bundle = EMBEDDED_BUNDLES[header.model.digest]
  const isEmbedded = bundle !== undefined && bundle.tested === claim.digest
  if (
    isEmbedded &&
    (claim.outcome !== 'PASSED' || claim.policy !== bundle.tested_by || claim.day !== bundle.tested_on)
  ) {
    return "it claims of the embedded model's stress test something else than its result"
  }
  if (claim.policy_digest === null) return 'its stress test was made by a policy without a digest'
  if (requirement.text('result') === 'required') {
    const accepted = requirement.texts('policies', MOST_POLICIES)
    const byName = STRESS_POLICIES.includes(claim.policy) && accepted.includes(claim.policy)
    if (!byName && !accepted.includes(`sha256:${claim.policy_digest}`))
      return `its stress test was made by policy ${quoted(claim.policy)}`
  }
  const oldest = header.time - midnight(claim.day)
  if (!isEmbedded && oldest < 0) return `its stress test is of ${claim.day}, after the report itself`
  const days = requirement.integer('days', 1, MOST_DAYS)
  const youngest = oldest - DAY // the result was issued at some hour of that day
  const isOld = !isEmbedded && !claim.stale && youngest >= days * DAY
  return isOld ? `its stress test is older than the ${days} days of the policy` : null
}
