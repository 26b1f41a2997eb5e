// Public keys in PEM form, and signatures by them: WebCrypto verifies Ed25519 and P-256.

import { hex, readBase64, fromHex, sameBytes, utf8, writeBase64 } from './encoding.mjs'
import { isPrimeOrder } from './edwards.mjs'
import { NeedsTool, Refusal, malformed } from './refusal.mjs'
import { sha256 } from './sha256.mjs'

export const MAX_PEM = 16 * 1024 // characters
// The DER of a SubjectPublicKeyInfo up to the key, and the size of the key.
const KINDS = [
  ['ed25519', fromHex('302a300506032b6570032100'), 32],
  ['p256', fromHex('3059301306072a8648ce3d020106082a8648ce3d03010703420004'), 64],
  ['p384', fromHex('3076301006072a8648ce3d020106052b8104002203620004'), 96],
  ['p521', fromHex('30819b301006072a8648ce3d020106052b810400230381860004'), 132],
  ['ml-dsa-65', fromHex('308207b2300b0609608648016503040312038207a100'), 1952],
]
// The algorithms of keys that are read elsewhere and not here, RSA and other curves, and the curves that are known.
const FOREIGN = ['2a864886f70d010101', '2a8648ce3d0201']
const KNOWN_CURVES = ['2a8648ce3d030107', '2b81040022', '2b81040023']
const CURVES = { p256: 'P-256', p384: 'P-384', p521: 'P-521' }
const ORDER_P256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const prime = new Map() // whether an Ed25519 key is a point of prime order, by its bytes in hexadecimal

// The bytes of a PEM block that is written in our own form, or null.
export function readPem(text, label) {
  const match = new RegExp(`^-----BEGIN ${label}-----\\n([A-Za-z0-9+/=\\n]+)\\n-----END ${label}-----\\n$`).exec(text)
  if (!match) return null
  const encoded = match[1].replaceAll('\n', '')
  const lines = encoded.match(/.{1,64}/g) ?? []
  if (lines.join('\n') !== match[1]) return null
  try {
    return readBase64(encoded, 'PEM')
  } catch {
    return null
  }
}

export function writePem(bytes, label) {
  const lines = writeBase64(bytes).match(/.{1,64}/g)
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

// The key of a PEM text in our own form, with its id; every other text, kind of key or weak point is refused.
export async function readKey(pem, where) {
  const der = readPem(pem, 'PUBLIC KEY')
  if (der === null) throw malformed(where, 'not a public key in the form that we write')
  const kind = KINDS.find(
    ([, head, size]) => der.length === head.length + size && sameBytes(der.subarray(0, head.length), head),
  )
  if (!kind)
    throw new Refusal(
      isForeign(der) ? 'unsupported' : 'malformed',
      `${where}: a public key of another kind, or in another form than ours`,
    )
  const [algorithm, head] = kind
  const raw = der.subarray(head.length)
  if (algorithm === 'ed25519') refuseWeak(raw, where)
  if (algorithm in CURVES) await refuseOffCurve(der, CURVES[algorithm], where)
  return { algorithm, raw, der, pem, keyid: hex(sha256(utf8(pem))) }
}

function isForeign(der) {
  const head = hex(der.subarray(0, 40))
  return FOREIGN.some((name) => head.includes(name)) && !KNOWN_CURVES.some((name) => head.includes(name))
}

function refuseWeak(raw, where) {
  const name = hex(raw)
  if (!prime.has(name)) prime.set(name, isPrimeOrder(raw))
  if (!prime.get(name)) throw new Refusal('weak-key', `${where}: 32 bytes that are no Ed25519 key of prime order`)
}

async function refuseOffCurve(der, namedCurve, where) {
  try {
    await crypto.subtle.importKey('spki', der, { name: 'ECDSA', namedCurve }, true, ['verify'])
  } catch (error) {
    if (error.name === 'NotSupportedError')
      throw new NeedsTool(`this browser cannot read keys on the curve ${namedCurve}`)
    throw malformed(where, 'a point that is not on its curve')
  }
}

// Refuse a signature that this key did not make over the message.
export async function verifySignature(key, signature, message, where) {
  let good = false
  if (key.algorithm === 'ed25519') {
    const name = { name: 'Ed25519' }
    good = signature.length === 64 && (await verified(await imported('raw', key.raw, name), name, signature, message))
  } else if (key.algorithm === 'p256') {
    const pair = readEcdsa(signature)
    const name = { name: 'ECDSA', hash: 'SHA-256' }
    const imports = { name: 'ECDSA', namedCurve: 'P-256' }
    good = pair !== null && (await verified(await imported('spki', key.der, imports), name, pair, message))
  } else throw new NeedsTool(`${where}: signatures of kind ${key.algorithm} are not checked here`)
  if (!good)
    throw new Refusal('bad-signature', `${where}: the signature is not one of key sha256:${key.keyid} over these bytes`)
}

async function imported(format, bytes, name) {
  try {
    return await crypto.subtle.importKey(format, bytes, name, true, ['verify'])
  } catch {
    throw new NeedsTool(`this browser cannot verify ${name.name} signatures; a newer one can`)
  }
}

async function verified(key, name, signature, message) {
  try {
    return await crypto.subtle.verify(name, key, signature, message)
  } catch {
    throw new NeedsTool(`this browser could not verify an ${name.name} signature`)
  }
}

// The 64 bytes r || s of a signature in strict DER, or null. Both s and n - s are accepted, as everywhere in this tool.
export function readEcdsa(der) {
  if (der.length < 8 || der[0] !== 0x30 || der[1] !== der.length - 2 || der[1] > 0x7f) return null
  const first = readInteger(der, 2)
  const second = first && readInteger(der, first.end)
  if (!second || second.end !== der.length) return null
  const pair = new Uint8Array(64)
  for (const [place, { bytes }] of [first, second].entries()) {
    const number = BigInt(`0x${hex(bytes)}`)
    if (number === 0n || number >= ORDER_P256) return null
    pair.set(fromHex(number.toString(16).padStart(64, '0')), 32 * place)
  }
  return pair
}

function readInteger(der, at) {
  const size = der[at + 1]
  if (der[at] !== 0x02 || !(size > 0 && size < 0x80) || at + 2 + size > der.length) return null
  const bytes = der.subarray(at + 2, at + 2 + size)
  if (bytes[0] & 0x80 || (size > 1 && bytes[0] === 0 && !(bytes[1] & 0x80))) return null // negative, or not the shortest
  return { bytes, end: at + 2 + size }
}
