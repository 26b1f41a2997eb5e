// No other bundle has the name of an embedded one (reports/verdict/model_names.py).

import { EMBEDDED_BUNDLES } from './constants.mjs'
import { NeedsTool, quoted } from './refusal.mjs'

const JOINT = 'enrolledon' // between a model's name and its base's in a title

// What is false about the names of a model in a report, or null.
export function nameFault({ name, base, digest }) {
  for (const own of [name, base]) if (own && holds(own, JOINT)) return `${quoted(own)} names a base`
  const pin = EMBEDDED_BUNDLES[digest]
  const reserved = reservedName(name)
  if (reserved !== null && name !== `another ${reserved}` && !(pin && pin.name === name))
    return `it calls a model ${quoted(name)} that is not ${reserved}`
  const taken = base === null ? null : reservedName(base)
  if (taken !== null && base !== taken && base !== `another ${taken}`)
    return `its base ${quoted(base)} would be taken for ${taken}`
  return null
}

function reservedName(name) {
  const names = [...new Set(Object.values(EMBEDDED_BUNDLES).map((bundle) => bundle.name))].sort(
    (a, b) => b.length - a.length || (a < b ? -1 : 1),
  )
  return names.find((own) => holds(name, own.replace(/[^a-z0-9]/g, ''))) ?? null
}

// Whether a name holds a word of ASCII letters and digits, by its letters and digits alone. Case folding and the letters
// of a later Unicode differ between this and Python, so where other characters matter, the tool is needed.
function holds(name, word) {
  const folded = name.normalize('NFKC').toLowerCase().normalize('NFKC')
  const letters = folded.replace(/[^\p{L}\p{N}]/gu, '').includes(word)
  const ascii = folded
    .normalize('NFD')
    .replace(/[^a-z0-9]/g, '')
    .includes(word)
  if (letters !== ascii) throw new NeedsTool(`whether the name ${quoted(name)} would be taken for another`)
  return letters
}
