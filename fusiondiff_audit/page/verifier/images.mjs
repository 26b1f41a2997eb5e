// Compares some files with the digests of a report's rows; batch.mjs compares a whole signed folder.

import { Refusal, quoted } from './refusal.mjs'

// `images` have a name and the digest of their bytes; a file of the name of a row must be that row's file.
export function compareImages(answer, images, { images: rows }) {
  const [byName, byDigest] = [new Map(), new Map()]
  for (const row of rows) {
    byName.set(row.name, row)
    if (row.sha256 !== null && row.judged) byDigest.set(row.sha256, row)
  }
  let matching = 0
  for (const { name, digest } of images) {
    const row = byDigest.get(digest)
    const named = nameOf(name, byName)
    if (named?.judged && named.sha256 !== digest) {
      throw new Refusal(
        'digest-mismatch',
        `${quoted(name)}: is sha256:${digest}, the report is of sha256:${named.sha256}`,
      )
    }
    if (row) matching++
    else if (named) answer.unchecked.push(`${quoted(name)}, an image that the report does not judge`)
    else answer.doubts.push({ reason: 'unknown-file', why: `${quoted(name)} is no image that this report judges.` })
  }
  if (matching)
    answer.checks.push(['images', `${matching} of the files given are images that were judged, by their digests`])
  const missing = rows.filter(({ judged }) => judged).length - matching
  if (missing > 0) answer.unchecked.push(`${missing} judged images, whose files were not given`)
}

// The row that a file's path names, by the whole path or without folders in front.
function nameOf(path, byName) {
  for (let name = path; ; name = name.slice(name.indexOf('/') + 1)) {
    if (byName.has(name)) return byName.get(name)
    if (!name.includes('/')) return null
  }
}
