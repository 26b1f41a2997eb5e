// How many specimens of a batch at least are not like the reference, at 95 % confidence, in exact whole numbers
// (reports/verdict/batch_statement.py has the derivation).

const LEVEL = { numerator: 1n, denominator: 20n }

export function statementPlace(calibration, { numerator, denominator }) {
  const place = Number((numerator * BigInt(calibration + 1)) / denominator)
  return Math.max(1, place)
}

// The statement on specimens with these ranks as the reference.
export function batchStatement(ranks, alpha) {
  const calibration = ranks[0].of
  const place = statementPlace(calibration, alpha)
  const beyond = ranks.filter((rank) => rank.at_least < place).length
  const least_unlike = leastUnlike(beyond, { of: ranks.length, calibration, place })
  return { beyond, of: ranks.length, calibration, place, least_unlike, approximate: true }
}

// The least k for which the specimens that remain without k beyond ones may all be like the reference (closed testing).
export function leastUnlike(beyond, { of, calibration, place }) {
  const isNotRejected = (k) => exceedsLevel(beyond - k, of - k, calibration, place)
  let [low, high] = [0, beyond]
  while (low < high) {
    const middle = (low + high) >> 1
    if (isNotRejected(middle)) high = middle
    else low = middle + 1
  }
  return low
}

// Whether at least so many specimens are beyond with a probability above the level, if all are like the reference: a
// sum of the hypergeometric law.
function exceedsLevel(beyond, of, calibration, place) {
  const largest = beyond + place - 1
  const least = Math.max(0, largest - of)
  let term = choose(largest, least) * choose(calibration + of - largest, calibration - least)
  let ways = term
  for (let i = least; i < place - 1; i++) {
    const [numerator, denominator] = [(largest - i) * (calibration - i), (i + 1) * (of - largest + i + 1)]
    term = (term * BigInt(numerator)) / BigInt(denominator)
    ways += term
  }
  return ways * LEVEL.denominator > choose(calibration + of, calibration) * LEVEL.numerator
}

function choose(n, k) {
  if (k < 0 || k > n) return 0n
  const few = Math.min(k, n - k)
  return product(n - few + 1, n) / product(1, few)
}

// The product of all whole numbers from `first` to `last`, by halves, so that the factors are of about one size.
function product(first, last) {
  if (first > last) return 1n
  if (last - first < 8) {
    let result = 1n
    for (let n = first; n <= last; n++) result *= BigInt(n)
    return result
  }
  const middle = (first + last) >> 1
  return product(first, middle) * product(middle + 1, last)
}
