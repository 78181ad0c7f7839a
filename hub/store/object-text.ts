// The stored text of an object. resourceVersion is the first key of its metadata, so that the writer, which alone knows the
// number, puts it in without parsing the object.
import { crc32 } from 'node:zlib'
import type { Resource } from '#shared/contract/meta.ts'

/** Text before and after the number. */
export interface ObjectText {
  head: string
  tail: string
}

const marker = '"resourceVersion":"'

export function objectText(object: Resource): ObjectText {
  const { apiVersion, kind, metadata, ...others } = object
  const text = JSON.stringify({ apiVersion, kind, metadata: { ...metadata, resourceVersion: undefined } })
  const rest = JSON.stringify(others)
  const start = text.indexOf('"metadata":{') + '"metadata":{'.length
  return {
    head: text.slice(0, start) + marker,
    // metadata is never empty: it has a name. `text` ends with the two braces of metadata and object.
    tail: `",${text.slice(start, -1)}${rest === '{}' ? '}' : `,${rest.slice(1)}`}`,
  }
}

export function joinText({ head, tail }: ObjectText, version: number): string {
  return head + version + tail
}

/** The same object with another resourceVersion. Inside a string every quote is escaped, so the first marker is the key. */
export function withVersion(json: string, version: number): string {
  const start = json.indexOf(marker) + marker.length
  return json.slice(0, start) + version + json.slice(json.indexOf('"', start))
}

/** SQLite checks the structure of its pages but not what is in them: a flipped bit in a row is found by this. */
export function rowChecksum(key: string, content: string | Uint8Array): number {
  return crc32(content, crc32(key))
}

export function objectKey(kind: string, name: string, version: number): string {
  return `${kind}/${name}@${version}`
}
