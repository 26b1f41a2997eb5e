// Visible text and portable file names, as signing/strict.py and signing/names.py define them.

import { utf8 } from './encoding.mjs'
import { NeedsTool, Refusal, quoted } from './refusal.mjs'

const ASCII = /^[\x20-\x7e]*$/
// Controls, formats, half characters, private use, separators of lines and paragraphs: nothing is drawn, or not alike.
const STRANGE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u
const IGNORABLE =
  /[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\u{e0000}-\u{e0fff}]/u
const BLANK = /[\u2800\ufffc\u{16fe4}\u{13430}-\u{13442}\u{1d159}]/u
const NONCHARACTER = /\p{Noncharacter_Code_Point}/u
const MAX_NAME = 1024
const MAX_PART = 255
const MAX_PARTS = 32
const FORBIDDEN = /[<>:"\\|?*]/
const DEVICE = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?$/i

export function isPlain(text) {
  if (ASCII.test(text)) return true
  return !STRANGE.test(text) && !IGNORABLE.test(text) && !BLANK.test(text) && !NONCHARACTER.test(text)
}

// Characters, as Python counts them.
export function lengthOf(text) {
  return ASCII.test(text) ? text.length : [...text].length
}

// Whether plain text can stand as a name: no space at its ends, and no mark in front, which is drawn on what precedes it.
export function isName(text) {
  if (!text || text !== text.trim() || !isPlain(text)) return false
  if (/^\p{M}/u.test(text)) throw new NeedsTool(`${quoted(text)}: begins with what may be a combining mark`)
  return true
}

// Refuse a name that is not a plain relative path with `/` between its parts.
export function refuseUnsafe(name) {
  const fault = nameFault(name)
  if (fault) throw new Refusal('unsafe-name', `${quoted(name)}: ${fault}`)
}

function nameFault(name) {
  const parts = name.split('/')
  if (!name || utf8(name).length > MAX_NAME || parts.length > MAX_PARTS) return 'too long, or empty'
  if (!isPlain(name)) return 'holds control or invisible characters'
  if (FORBIDDEN.test(name)) return 'holds a character that some systems interpret'
  for (const part of parts) {
    if (part === '' || part === '.' || part === '..') return 'not a relative path without empty parts, `.` or `..`'
    if (utf8(part).length > MAX_PART) return `a part has more than ${MAX_PART} bytes`
    if (part !== part.trim() || part.endsWith('.')) return 'some systems cut spaces at the ends and dots at the end'
    if (!isName(part)) return 'a part is no name'
    if (DEVICE.test(part.replace(/[İı]/g, 'i'))) return 'a device on some systems'
  }
  return null
}
