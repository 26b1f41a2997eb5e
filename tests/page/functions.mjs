// Reads lines of JSON, `[name, ...arguments]`, from standard input, calls that function of the page's modules, and
// answers each with its result as a line of JSON, or with `{"reason": ...}` where it refuses.
import { createInterface } from 'node:readline'
import { batchStatement } from '../../fusiondiff_audit/page/verifier/batch-statement.mjs'
import { errorBounds, readRate } from '../../fusiondiff_audit/page/verifier/arithmetic.mjs'
import { fromHex, hex, readBase64 } from '../../fusiondiff_audit/page/verifier/encoding.mjs'
import { isPrimeOrder } from '../../fusiondiff_audit/page/verifier/edwards.mjs'
import { nameFault } from '../../fusiondiff_audit/page/verifier/model-names.mjs'
import { parseJson, JsonFloat } from '../../fusiondiff_audit/page/verifier/json.mjs'
import { readKey, verifySignature, writePem } from '../../fusiondiff_audit/page/verifier/keys.mjs'
import { calibratorFault, ratioText } from '../../fusiondiff_audit/page/verifier/ratios.mjs'
import { hmacSha256, sha256 } from '../../fusiondiff_audit/page/verifier/sha256.mjs'
import { isPlain, refuseUnsafe } from '../../fusiondiff_audit/page/verifier/text.mjs'
import { readTime } from '../../fusiondiff_audit/page/verifier/times.mjs'

const FUNCTIONS = {
  errorBounds,
  batchStatement: (ranks, alpha) =>
    batchStatement(
      ranks.map(([at_least, of]) => ({ at_least, of })),
      readRate(alpha),
    ),
  base64: (text) => hex(readBase64(text, 'text')),
  calibratorFault: (calibrator) => calibratorFault(calibrator) !== null,
  hmac: (key, message) => hex(hmacSha256(fromHex(key))(fromHex(message))),
  isPrimeOrder: (raw) => isPrimeOrder(fromHex(raw)),
  json: (bytes) => plainValue(parseJson(fromHex(bytes), 'text', { limit: 1000, tokens: 100 })),
  nameFault: (name, base, digest) => nameFault({ name, base, digest }) !== null,
  plain: (start, end) => invisible(start, end),
  ratioText,
  readTime: (text) => readTime(text, 'text'),
  refuseUnsafe: (name) => refuseUnsafe(name) ?? null,
  sha256: (message) => hex(sha256(fromHex(message))),
  verify: async (der, signature, message) => {
    const key = await readKey(writePem(fromHex(der), 'PUBLIC KEY'), 'key')
    await verifySignature(key, fromHex(signature), fromHex(message), 'message')
    return key.keyid
  },
}

function invisible(start, end) {
  const found = []
  for (let code = start; code < end; code++) if (!isPlain(String.fromCodePoint(code))) found.push(code)
  return found
}

// Numbers with a point as `[number]`, and whole numbers as text.
function plainValue(value) {
  if (value instanceof JsonFloat) return [value.value]
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return { list: value.map(plainValue) }
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainValue(inner)]))
}

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...values] = JSON.parse(line)
  try {
    console.log(JSON.stringify(await FUNCTIONS[name](...values)))
  } catch (error) {
    console.log(JSON.stringify({ reason: error.reason ?? `fault: ${error.stack}` }))
  }
}
