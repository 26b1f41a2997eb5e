// The summary for policy engines that must stand beside a report, byte for byte (reports/verdict/issue.py).

import { writeJson } from './canonical.mjs'
import { utf8 } from './encoding.mjs'
import { BATCH } from './report.mjs'

const LEVEL = 'FUSIONDIFF_AUTHENTIC'
const urn = (kind, digest) => `urn:fusiondiff-audit:${kind}:${digest}`

export function verificationSummary({ header, images }) {
  const { batch, model, policy } = header
  const isWhole = header.run.limit === null && model.verified && !header.demonstration && images.length > 0
  const passed = isWhole && images.every(({ verdict, judged }) => verdict === 'AUTHENTIC' && judged)
  const subjects = images.filter(({ sha256 }) => sha256).map(({ name, sha256 }) => ({ name, digest: { sha256 } }))
  const inputs = [
    ['batch', batch.payload],
    ['model', model.digest],
  ]
  return utf8(
    writeJson({
      _type: 'https://in-toto.io/Statement/v1',
      subject: subjects.length ? subjects : [{ name: BATCH, digest: { sha256: batch.payload } }],
      predicateType: 'https://slsa.dev/verification_summary/v1',
      predicate: {
        verifier: { id: 'https://fusiondiff-audit/verifier/v1' },
        timeVerified: header.issued,
        resourceUri: urn('batch', batch.payload),
        policy: { uri: urn('policy', policy.digest), digest: { sha256: policy.digest } },
        inputAttestations: inputs.map(([kind, sha256]) => ({ uri: urn(kind, sha256), digest: { sha256 } })),
        verificationResult: passed ? 'PASSED' : 'FAILED',
        verifiedLevels: [passed ? LEVEL : 'FAILED'],
      },
    }),
  )
}
