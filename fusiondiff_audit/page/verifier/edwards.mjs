// Which 32 bytes are an Ed25519 public key: the one encoding of a point of prime order (signing/edwards.py; RFC 8032,
// 5.1). WebCrypto takes any 32 bytes, and under a point of small order anybody can forge signatures.

const PRIME = 2n ** 255n - 19n
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n
const D = modulo(-121665n * power(121666n, PRIME - 2n))
const ROOT_OF_MINUS_ONE = power(2n, (PRIME - 1n) / 4n)

export function isPrimeOrder(raw) {
  const point = decode(raw)
  if (point === null || isIdentity(point)) return false
  let multiple = point
  for (const bit of ORDER.toString(2).slice(1)) {
    multiple = add(multiple, multiple)
    if (bit === '1') multiple = add(multiple, point)
  }
  return isIdentity(multiple)
}

function decode(raw) {
  if (raw.length !== 32) return null
  let number = 0n
  for (let i = 31; i >= 0; i--) number = (number << 8n) | BigInt(raw[i])
  const sign = number >> 255n
  const y = number & ((1n << 255n) - 1n)
  if (y >= PRIME) return null
  const u = modulo(y * y - 1n)
  const v = modulo(D * y * y + 1n)
  let x = modulo(u * power(v, 3n) * power(u * power(v, 7n), (PRIME - 5n) / 8n))
  if (modulo(v * x * x + u) === 0n) x = modulo(x * ROOT_OF_MINUS_ONE)
  if (modulo(v * x * x - u) !== 0n) return null // no point has this y
  if (x === 0n && sign) return null // zero has no negative
  if ((x & 1n) !== sign) x = PRIME - x
  return [x, y, 1n, modulo(x * y)]
}

function isIdentity([x, y, z]) {
  return x === 0n && y === z
}

// The sum of any two points, also of equal ones (RFC 8032, 5.1.4).
function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = modulo((y1 - x1) * (y2 - x2))
  const b = modulo((y1 + x1) * (y2 + x2))
  const c = modulo(2n * D * t1 * t2)
  const d = modulo(2n * z1 * z2)
  const [e, f, g, h] = [b - a, d - c, d + c, b + a]
  return [modulo(e * f), modulo(g * h), modulo(f * g), modulo(e * h)]
}

function modulo(number) {
  const rest = number % PRIME
  return rest < 0n ? rest + PRIME : rest
}

function power(base, exponent) {
  let result = 1n
  for (let square = modulo(base); exponent; exponent >>= 1n, square = (square * square) % PRIME) {
    if (exponent & 1n) result = (result * square) % PRIME
  }
  return result
}
