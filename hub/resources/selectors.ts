// Label selectors (equality and set-based) and field selectors, with Kubernetes' grammar and meaning.
import { ApiError } from '#shared/errors/api-error.ts'
import type { Resource } from '#shared/contract/meta.ts'
import { isLabelKey, isLabelValue } from './validate/grammar.ts'
import type { KindDefinition, ListOptions } from './types.ts'

export type Matcher = (object: Resource) => boolean

const everything: Matcher = () => true

/** Undefined when nothing is selected out. Throws ApiError BadRequest. */
export function createMatcher(definition: KindDefinition, { labelSelector, fieldSelector }: ListOptions): Matcher | undefined {
  if (!labelSelector && !fieldSelector) return undefined
  const byLabel = labelSelector ? parseLabelSelector(labelSelector) : everything
  const byField = fieldSelector ? parseFieldSelector(fieldSelector, definition) : everything
  return (object) => byLabel(object) && byField(object)
}

type Requirement = (labels: Readonly<Record<string, string>>) => boolean

export function parseLabelSelector(text: string): Matcher {
  const tokens = tokenize(text)
  const requirements: Requirement[] = []
  let at = 0
  const peek = () => tokens[at]
  const take = () => tokens[at++] ?? ''
  const fail = (why: string): never => {
    throw new ApiError('BadRequest', `unable to parse requirement: ${why} in label selector "${text}"`)
  }

  const takeKey = () => {
    const key = take()
    return isLabelKey(key) ? key : fail(`"${key}" is not a label key`)
  }
  const checkValue = (value: string) => (isLabelValue(value) ? value : fail(`"${value}" is not a label value`))
  const takeValue = () => (peek() === undefined || peek() === ',' ? '' : checkValue(take()))
  const takeSet = (): Set<string> => {
    if (take() !== '(') fail('"(" expected')
    const values = new Set<string>()
    for (;;) {
      values.add(peek() === ',' || peek() === ')' ? '' : checkValue(take()))
      const next = take()
      if (next === ')') return values
      if (next !== ',') fail('"," or ")" expected')
    }
  }

  if (tokens.length === 0) return everything
  for (;;) {
    if (peek() === '!') {
      take()
      const key = takeKey()
      requirements.push((labels) => !Object.hasOwn(labels, key))
    } else {
      const key = takeKey()
      const has = (labels: Readonly<Record<string, string>>) => Object.hasOwn(labels, key)
      const operator = peek()
      if (operator === undefined || operator === ',') requirements.push(has)
      else {
        take()
        if (operator === '=' || operator === '==') {
          const value = takeValue()
          requirements.push((labels) => has(labels) && labels[key] === value)
        } else if (operator === '!=') {
          const value = takeValue()
          requirements.push((labels) => !has(labels) || labels[key] !== value)
        } else if (operator === 'in') {
          const values = takeSet()
          requirements.push((labels) => has(labels) && values.has(labels[key] ?? ''))
        } else if (operator === 'notin') {
          const values = takeSet()
          requirements.push((labels) => !has(labels) || !values.has(labels[key] ?? ''))
        } else if (operator === '>' || operator === '<') {
          const limit = takeValue()
          if (!/^-?\d+$/.test(limit)) fail(`"${limit}" is not an integer`)
          const isAbove = operator === '>'
          requirements.push((labels) => {
            const value = has(labels) ? (labels[key] ?? '') : ''
            if (!/^-?\d+$/.test(value)) return false
            return isAbove ? BigInt(value) > BigInt(limit) : BigInt(value) < BigInt(limit)
          })
        } else fail(`"${operator}" is not an operator`)
      }
    }
    const next = take()
    if (next === '') break
    if (next !== ',') fail(`unexpected "${next}"`)
    if (peek() === undefined) fail('something expected after ","')
  }
  return ({ metadata }) => {
    const labels = metadata.labels ?? {}
    return requirements.every((requirement) => requirement(labels))
  }
}

function tokenize(text: string): string[] {
  return text.match(/==|!=|[!=,()<>]|[^\s!=,()<>]+/g) ?? []
}

/** Only metadata.name and the fields the kind declares. */
export function parseFieldSelector(text: string, definition: KindDefinition): Matcher {
  const requirements = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part): Matcher => {
      const match = /^([^!=]+)(==|!=|=)(.*)$/.exec(part)
      if (!match) throw new ApiError('BadRequest', `invalid field selector "${text}": "${part}" has no operator`)
      const [, field = '', operator, value = ''] = match
      const read = field === 'metadata.name' ? (object: Resource) => object.metadata.name : ownField(definition, field)
      return operator === '!=' ? (object) => read(object) !== value : (object) => read(object) === value
    })
  return (object) => requirements.every((requirement) => requirement(object))
}

function ownField({ selectableFields, kind }: KindDefinition, field: string): (object: Resource) => string {
  const read = Object.hasOwn(selectableFields, field) ? selectableFields[field] : undefined
  if (read) return read
  const known = ['metadata.name', ...Object.keys(selectableFields)].join(', ')
  throw new ApiError('BadRequest', `field label not supported: ${field}; ${kind} supports ${known}`)
}
