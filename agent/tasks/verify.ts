// From bytes that claim to be the hub's to an order that this agent may act on. Pure but for what it is given; decides nothing about copies.
import { createHash, createPublicKey, verify } from 'node:crypto'
import { actionInputs, type ActionName } from '#shared/contract/actions.ts'
import { limits } from '#shared/contract/limits.ts'
import { Order, type CancelOrder, type SignedOrder, type TaskOrder } from '#proto/moorline/v1/control.ts'
import { Value } from 'typebox/value'

export type Refusal = { ok: false; reason: string; message: string }
export type Verified<T> = { ok: true; value: T } | Refusal

/** Room for the fields around the input. */
const maxPayloadBytes = limits.taskInputBytes + 16 * 1024
/** DER of an ed25519 SubjectPublicKeyInfo up to the key itself (RFC 8410). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')
const uidPattern = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/
const noncePattern = /^[A-Za-z0-9_-]{16,128}$/
const maxTimeoutMs = 86_400_000

export const refuse = (reason: string, message: string): Refusal => ({ ok: false, reason, message })

/** First 16 hex digits of the SHA-256 of the raw public key. */
export function keyIdOf(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex').slice(0, 16)
}

function isSignedBy(order: SignedOrder, publicKey: Buffer): boolean {
  const key = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: 'der', type: 'spki' })
  return verify(null, order.payload, key, order.signature)
}

/** Signature first: nothing of the payload is looked at before it. */
export function openOrder(order: SignedOrder, agentId: string, keys: readonly Buffer[]): Verified<Order['order'] & object> {
  if (order.payload.length > maxPayloadBytes)
    return refuse('OrderTooLarge', `the order has ${order.payload.length} bytes, at most ${maxPayloadBytes} are accepted`)
  const key = keys.find((candidate) => candidate.length === 32 && keyIdOf(candidate) === order.keyId)
  if (!key) return refuse('UnknownSigningKey', `no trusted key has the id ${JSON.stringify(order.keyId.slice(0, 32))}`)
  if (order.signature.length !== 64 || !isSignedBy(order, key)) return refuse('BadSignature', 'the signature does not fit the order')
  let body: Order['order']
  try {
    body = Order.decode(order.payload).order
  } catch {
    // Whatever the decoder says about signed but unreadable bytes, the order cannot be used.
    body = undefined
  }
  if (!body) return refuse('BadOrder', 'the signed bytes are not an order of this version')
  if (body.value.agentId !== agentId) return refuse('WrongAgent', 'the order is for another agent')
  if (!uidPattern.test(body.value.taskUid) || body.value.attempt < 1) return refuse('BadOrder', 'the order names no task and attempt')
  if (!noncePattern.test(body.value.nonce)) return refuse('BadOrder', 'the order has no nonce')
  return { ok: true, value: body }
}

/** Age is judged by the hub's clock only: this machine's may be anything. */
export function checkAge(order: TaskOrder | CancelOrder, hubTime: Date): Verified<undefined> {
  if (!order.notAfter) return refuse('Expired', 'the order has no end of validity')
  if (order.notAfter.getTime() < hubTime.getTime()) return refuse('Expired', `the order was valid until ${order.notAfter.toISOString()}`)
  return { ok: true, value: undefined }
}

/** Depth of nesting outside strings, counted before parsing: the parser's own recursion is not to be trusted with it. */
export function jsonDepth(text: string): number {
  let depth = 0
  let deepest = 0
  let isString = false
  for (let index = 0; index < text.length; index++) {
    const char = text[index]
    if (isString) {
      if (char === '\\') index++
      else if (char === '"') isString = false
    } else if (char === '"') isString = true
    else if (char === '{' || char === '[') deepest = Math.max(deepest, ++depth)
    else if (char === '}' || char === ']') depth--
  }
  return deepest
}

export function parseInput(order: TaskOrder): Verified<{ action: ActionName; input: unknown }> {
  if (!Object.hasOwn(actionInputs, order.action))
    return refuse('UnknownAction', `this agent has no action ${JSON.stringify(order.action.slice(0, 64))}; a newer agent may`)
  const action = order.action as ActionName
  if (order.inputJson.length > limits.taskInputBytes)
    return refuse('InvalidInput', `the input has ${order.inputJson.length} bytes, at most ${limits.taskInputBytes} are accepted`)
  if (order.timeoutMs > BigInt(maxTimeoutMs)) return refuse('InvalidInput', `the timeout is over ${maxTimeoutMs} ms`)
  const text = order.inputJson.toString('utf8')
  if (jsonDepth(text) > limits.jsonDepth) return refuse('InvalidInput', `the input is nested deeper than ${limits.jsonDepth}`)
  let input: unknown
  try {
    input = text === '' ? {} : JSON.parse(text)
  } catch (error) {
    return refuse('InvalidInput', `the input is not JSON: ${(error as Error).message.slice(0, 200)}`)
  }
  const schema = actionInputs[action]
  if (!Value.Check(schema, input)) {
    const [first] = Value.Errors(schema, input)
    return refuse('InvalidInput', `input${first?.instancePath ?? ''} ${first?.message ?? 'does not fit the schema'}`.slice(0, 512))
  }
  return { ok: true, value: { action, input } }
}
