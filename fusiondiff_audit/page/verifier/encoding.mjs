// Bytes as text and back: UTF-8, hexadecimal, and base64 in its one strict form (signing/FORMAT.md).

import { malformed } from './refusal.mjs'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const VALUES = new Int8Array(128).fill(-1)
for (let i = 0; i < 64; i++) VALUES[ALPHABET.charCodeAt(i)] = i
VALUES['-'.charCodeAt(0)] = 62
VALUES['_'.charCodeAt(0)] = 63

const ENCODER = new TextEncoder()

export function utf8(text) {
  return ENCODER.encode(text)
}

// The text of UTF-8 bytes, or null; a byte order mark stays in it.
export function fromUtf8(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}

export function hex(bytes) {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

export function fromHex(text) {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16))
}

export function sameBytes(one, other) {
  if (one.length !== other.length) return false
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false
  return true
}

// Either alphabet of RFC 4648 but never both, padded, without junk and without stray bits.
export function readBase64(text, where) {
  if (/[+/]/.test(text) && /[-_]/.test(text)) throw malformed(where, 'mixes both base64 alphabets')
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  if (text.length % 4) throw malformed(where, 'not base64')
  const characters = text.length - padding
  const bytes = new Uint8Array((text.length / 4) * 3 - padding)
  let bits = 0
  let held = 0
  let at = 0
  for (let i = 0; i < characters; i++) {
    const code = text.charCodeAt(i)
    const value = code < 128 ? VALUES[code] : -1
    if (value < 0) throw malformed(where, 'not base64')
    bits = ((bits << 6) | value) & 0xffff
    held += 6
    if (held >= 8) {
      held -= 8
      bytes[at++] = bits >> held
    }
  }
  if (bits & ((1 << held) - 1) || at !== bytes.length) throw malformed(where, 'base64 with stray bits or padding')
  return bytes
}

export function writeBase64(bytes) {
  let text = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const word = (bytes[i] << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    text += ALPHABET[word >> 18] + ALPHABET[(word >> 12) & 63]
    text += i + 1 < bytes.length ? ALPHABET[(word >> 6) & 63] : '='
    text += i + 2 < bytes.length ? ALPHABET[word & 63] : '='
  }
  return text
}

// Negative, zero or positive: the order of Python's texts, which is that of code points, not of UTF-16 units.
export function compareText(one, other) {
  const size = Math.min(one.length, other.length)
  for (let i = 0; i < size; i++) {
    const a = one.charCodeAt(i)
    const b = other.charCodeAt(i)
    if (a !== b) {
      const astral = (unit) => unit >= 0xd800 && unit <= 0xdfff
      return astral(a) === astral(b) ? a - b : astral(a) ? 1 : -1
    }
  }
  return one.length - other.length
}

// A whole number with a comma between thousands.
export function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ',')
}
