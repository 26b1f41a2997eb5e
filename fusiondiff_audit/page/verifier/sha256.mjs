// SHA-256 (FIPS 180-4) and HMAC-SHA256 of short messages. WebCrypto answers each call later, and a report has a few
// hundred thousand leaves, salts and nodes; whole files and signatures are left to WebCrypto.

const K = new Int32Array(64)
const START = new Uint32Array(8)
{
  const primes = []
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n)
  primes.forEach((p, i) => {
    K[i] = fractionBits(p, 3n)
    if (i < 8) START[i] = fractionBits(p, 2n)
  })
}

// The first 32 bits of the fractional part of a prime's square or cube root, in whole numbers.
function fractionBits(prime, degree) {
  const target = BigInt(prime) << (32n * degree)
  let low = 0n
  let high = 1n << 40n
  while (high - low > 1n) {
    const middle = (low + high) >> 1n
    if (middle ** degree <= target) low = middle
    else high = middle
  }
  return Number(low & 0xffffffffn)
}

const W = new Int32Array(64)

function compress(state, data, at) {
  for (let i = 0; i < 16; i++, at += 4) {
    W[i] = (data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3]
  }
  for (let i = 16; i < 64; i++) {
    const x = W[i - 15]
    const y = W[i - 2]
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
    W[i] = (W[i - 16] + s0 + W[i - 7] + s1) | 0
  }
  let a = state[0]
  let b = state[1]
  let c = state[2]
  let d = state[3]
  let e = state[4]
  let f = state[5]
  let g = state[6]
  let h = state[7]
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  state[0] += a
  state[1] += b
  state[2] += c
  state[3] += d
  state[4] += e
  state[5] += f
  state[6] += g
  state[7] += h
}

const BUFFER = new Uint8Array(1 << 16) // for messages that fit, so that each needs no memory of its own

// The digest of the concatenation of some byte arrays.
export function sha256(...parts) {
  return digestAfter(START, 0, parts)
}

// RFC 2104: from a key of at most one block to the function of a message.
export function hmacSha256(key) {
  const [inner, outer] = [0x36, 0x5c].map((pad) => {
    const block = new Uint8Array(64).fill(pad)
    key.forEach((byte, i) => (block[i] ^= byte))
    const state = START.slice()
    compress(state, block, 0)
    return state
  })
  return (message) => digestAfter(outer, 64, [digestAfter(inner, 64, [message])])
}

// The digest of some byte arrays after `done` bytes, which led to a state.
function digestAfter(start, done, parts) {
  let size = 0
  for (const part of parts) size += part.length
  const end = (((size + 8) >>> 6) + 1) << 6
  const padded = end <= BUFFER.length ? BUFFER : new Uint8Array(end)
  let at = 0
  for (const part of parts) {
    padded.set(part, at)
    at += part.length
  }
  padded[size] = 0x80
  padded.fill(0, size + 1, end)
  const bits = 8 * (done + size)
  for (let i = 1; i <= 7; i++) padded[end - i] = Math.floor(bits / 2 ** (8 * (i - 1))) % 256
  const state = start.slice()
  for (let block = 0; block < end; block += 64) compress(state, padded, block)
  const digest = new Uint8Array(32)
  for (let i = 0; i < 32; i++) digest[i] = state[i >> 2] >>> (24 - 8 * (i & 3))
  return digest
}
