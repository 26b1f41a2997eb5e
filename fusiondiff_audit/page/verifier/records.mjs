// Records of a report: each has exactly the fields of its kind, each of its type, and a rule (signing/records.py).

import { isDigest, MAX_TEXT } from './fields.mjs'
import { isObject } from './json.mjs'
import { Refusal, malformed } from './refusal.mjs'
import { isPlain, lengthOf } from './text.mjs'

const MOST_INTEGER = 2 ** 53
const LONGEST = 100_000 // entries of a list

export function text(value, where) {
  if (typeof value !== 'string' || value === '') throw malformed(where, 'expected text')
  if (value.length > MAX_TEXT && lengthOf(value) > MAX_TEXT) throw new Refusal('too-large', `${where}: too long a text`)
  if (!isPlain(value) || value !== value.trim())
    throw malformed(where, 'holds control characters, or white space at its ends')
  return value
}

export function integer(value, where) {
  if (value === BigInt(MOST_INTEGER) || value === -BigInt(MOST_INTEGER)) return Number(value)
  if (typeof value !== 'number') throw malformed(where, 'expected a whole number')
  return value
}

export function boolean(value, where) {
  if (typeof value !== 'boolean') throw malformed(where, 'expected true or false')
  return value
}

export function digest(value, where) {
  if (!isDigest(text(value, where))) throw malformed(where, 'expected a SHA-256 digest')
  return value
}

export function matching(pattern) {
  return (value, where) => {
    if (!pattern.test(text(value, where))) throw malformed(where, 'another form of text than expected')
    return value
  }
}

export function member(values) {
  return (value, where) => {
    if (!values.includes(value)) throw malformed(where, `expected ${values.join(' or ')}`)
    return value
  }
}

export function optional(type) {
  return (value, where) => (value === null ? null : type(value, where))
}

export function list(type) {
  return (value, where) => {
    if (!Array.isArray(value)) throw malformed(where, 'expected a list')
    if (value.length > LONGEST) throw malformed(where, 'too long a list')
    return value.map((item) => type(item, where))
  }
}

// A type of objects with these fields; `fault` returns what no such record can be, or nothing.
export function record(fields, fault = () => null) {
  const names = Object.keys(fields)
  return (value, where) => {
    if (!isObject(value)) throw malformed(where, 'expected an object')
    const keys = Object.keys(value)
    const known = keys.length === names.length && names.every((name) => Object.hasOwn(value, name))
    if (!known) throw malformed(where, `has other fields than ${names.join(', ')}`)
    const result = {}
    for (const name of names) result[name] = fields[name](value[name], `${where}: ${name}`)
    const message = fault(result)
    if (message) throw malformed(where, message)
    return result
  }
}

// Whether two values are the same, field by field.
export function same(one, other) {
  if (one === other) return true
  if (one === null || other === null || typeof one !== 'object' || typeof other !== 'object') return false
  const names = Object.keys(one)
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && same(one[name], other[name]))
  )
}
