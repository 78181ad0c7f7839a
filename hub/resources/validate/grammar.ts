// Kubernetes' grammars of names, labels, annotations and taints (apimachinery, util/validation).
import { namePattern } from '#shared/contract/meta.ts'

const name = new RegExp(namePattern)
const qualifiedPart = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/

export const nameRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
export const labelKeyRule =
  "a qualified name consists of alphanumeric characters, '-', '_' or '.', at most 63, starting and ending with an alphanumeric character, with an optional DNS prefix and '/'"
export const labelValueRule =
  "a label value is empty or consists of alphanumeric characters, '-', '_' or '.', at most 63, starting and ending with an alphanumeric character"

/** RFC 1123 subdomain. */
export function isName(text: string): boolean {
  return text.length <= 253 && name.test(text)
}

/** name or prefix/name. */
export function isLabelKey(text: string): boolean {
  const parts = text.split('/')
  if (parts.length > 2) return false
  const [prefix, own] = parts.length === 2 ? parts : [undefined, parts[0]]
  return (prefix === undefined || isName(prefix)) && qualifiedPart.test(own ?? '')
}

export function isLabelValue(text: string): boolean {
  return text === '' || qualifiedPart.test(text)
}
