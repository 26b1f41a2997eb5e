// The files that somebody dropped or chose, and what each of them is. A trust store beside the report is not used:
// whoever made the folder made it as well.

import { EXCERPT_FORMAT, MAX_EXCERPT } from './excerpt.mjs'
import { NeedsTool } from './refusal.mjs'
import { fromUtf8, grouped, hex } from './encoding.mjs'
import { MANIFEST, SECOND } from './manifest.mjs'
import { MAX_TRUST, TRUST_TYPE } from './trust-store.mjs'
import { MAX_FILE } from './verification.mjs'

const REPORT = 'report.sigstore.json'
const BESIDE = { checkpoint: 'report.checkpoint', summary: 'vsa.sigstore.json' }

// The files of a drop, those in folders included, each with its path. All items are asked before the first wait, after
// which a browser forgets them. Chromium reads folders by handles alone where the page is a file itself.
export async function droppedFiles(transfer) {
  const items = [...transfer.items].filter(({ kind }) => kind === 'file')
  const dropped = items.map((item) => ({
    file: item.getAsFile(),
    entry: item.webkitGetAsEntry?.() ?? null,
    handle: item.getAsFileSystemHandle?.().catch(() => null) ?? null,
  }))
  const found = []
  for (const { file, entry, handle } of dropped) {
    const opened = await handle
    if (!entry?.isDirectory && opened?.kind !== 'directory') found.push({ path: file.name, file })
    else if (opened) await walkHandle(opened, opened.name, found)
    else await walkEntry(entry, found)
  }
  return found
}

export function chosenFiles(files) {
  return [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }))
}

async function walkHandle(handle, path, found) {
  if (handle.kind === 'file') found.push({ path, file: await handle.getFile() })
  else for await (const inner of handle.values()) await walkHandle(inner, `${path}/${inner.name}`, found)
}

async function walkEntry(entry, found) {
  if (entry.isFile) {
    found.push({
      path: entry.fullPath.replace(/^\//, ''),
      file: await new Promise((resolve, reject) => entry.file(resolve, reject)),
    })
    return
  }
  const reader = entry.createReader()
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)) // a hundred at a time
    if (!some.length) return
    for (const inner of some) await walkEntry(inner, found)
  }
}

// The report, its checkpoint and its summary, or an excerpt; the other files are not compared with anything.
export async function readReportFiles(chosen) {
  const reports = chosen.filter(({ path }) => nameOf(path) === REPORT)
  if (reports.length > 1) throw new NeedsTool('several reports were given; check one at a time')
  const main = reports[0] ?? (chosen.length === 1 ? chosen[0] : null)
  if (!main) throw new NeedsTool(chosen.length ? `none of the files is called ${REPORT}` : 'no report was given')
  const bytes = await readFile(main)
  const files = { [isExcerpt(bytes) ? 'excerpt' : 'report']: { name: nameOf(main.path), bytes } }
  const folder = main.path.slice(0, -nameOf(main.path).length)
  const rest = []
  for (const each of chosen) {
    const role = Object.keys(BESIDE).find((kind) => each.path === folder + BESIDE[kind])
    if (role && files.report) files[role] = { name: BESIDE[role], bytes: await readFile(each) }
    else if (each !== main) rest.push(each)
  }
  return { files, rest }
}

// Whether a trust store lies among files that nobody signed.
export async function holdsTrustStore(chosen) {
  for (const each of chosen) {
    if (!each.path.endsWith('.json') || each.file.size > MAX_TRUST) continue
    if (fromUtf8(await readFile(each))?.includes(TRUST_TYPE)) return true
  }
  return false
}

export async function readTrustFile(chosen) {
  if (!chosen.length) return {}
  if (chosen.length > 1) throw new NeedsTool('several trust stores were given')
  const bytes = await readFile(chosen[0])
  const name = nameOf(chosen[0].path)
  return fromUtf8(bytes)?.startsWith('-----BEGIN') ? { key: { name, bytes } } : { trust: { name, bytes } }
}

// The digest of each image, and the signed folder that they are, if its manifest is among them.
export async function digestImages(chosen, breathe) {
  const manifests = chosen.filter(({ path }) => nameOf(path) === MANIFEST)
  if (manifests.length > 1) throw new NeedsTool('images of several batches were given; check one at a time')
  const images = []
  for (const each of chosen) {
    if (each === manifests[0]) continue
    const digest = await crypto.subtle.digest('SHA-256', await readFile(each))
    images.push({ name: each.path, digest: hex(new Uint8Array(digest)) })
    await breathe(`${images.length} of ${chosen.length} files hashed`)
  }
  return { images, batch: manifests.length ? await readBatch(manifests[0], images) : null }
}

async function readBatch(manifest, images) {
  const folder = manifest.path.slice(0, -MANIFEST.length)
  const inside = images.filter(({ name }) => name.startsWith(folder))
  const digests = new Map(inside.map(({ name, digest }) => [name.slice(folder.length), digest]))
  return { name: MANIFEST, bytes: await readFile(manifest), hasSecond: digests.has(SECOND), digests }
}

async function readFile({ path, file }) {
  if (file.size > MAX_FILE)
    throw new NeedsTool(`${path}: ${grouped(file.size)} bytes, more than the ${grouped(MAX_FILE)} that this page reads`)
  return new Uint8Array(await file.arrayBuffer())
}

function isExcerpt(bytes) {
  return bytes.length <= MAX_EXCERPT && Boolean(fromUtf8(bytes)?.includes(`"${EXCERPT_FORMAT}"`))
}

function nameOf(path) {
  return path.slice(path.lastIndexOf('/') + 1)
}
