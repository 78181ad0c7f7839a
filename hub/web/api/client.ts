// Requests to the hub. The session is a cookie that scripts cannot read; nothing here ever holds a credential.
import type { Registration } from '#shared/contract/registration.ts'
import { ApiFailure, failureFromStatus } from './failure.ts'
import { apiPath, apiVersion, type Kinds, kindNames, type Plural } from './kinds.ts'

let onSignedOut = () => {}
/** Called when the hub no longer knows this session. */
export function setSignedOutHandler(handler: () => void): void {
  onSignedOut = handler
}

async function readBody(response: Response): Promise<unknown> {
  const text = await response.text()
  try {
    return text === '' ? undefined : (JSON.parse(text) as unknown)
  } catch {
    return undefined
  }
}

/** The response of a successful request; throws {@link ApiFailure} for everything else. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path, { credentials: 'same-origin', cache: 'no-store', redirect: 'error', ...init })
  } catch (cause) {
    if (init.signal?.aborted) throw cause
    throw new ApiFailure(0, 'Unreachable', 'The hub did not answer.')
  }
  if (response.ok) return response
  if (response.status === 401 && !path.startsWith('/auth/')) onSignedOut()
  throw failureFromStatus(response.status, await readBody(response))
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await send(path, { headers: { accept: 'application/json' }, signal })
  return (await response.json()) as T
}

async function write<T>(method: string, path: string, body: unknown, contentType = 'application/json'): Promise<T> {
  const response = await send(path, {
    method,
    headers: { accept: 'application/json', 'content-type': contentType },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  return (await readBody(response)) as T
}

export interface Draft<P extends Plural> {
  metadata: { name?: string; generateName?: string; labels?: Record<string, string> }
  spec: Kinds[P]['spec']
}

export function createObject<P extends Plural>(plural: P, draft: Draft<P>): Promise<Kinds[P]> {
  return write('POST', apiPath(plural), { apiVersion, kind: kindNames[plural], ...draft })
}

export function patchSpec<P extends Plural>(plural: P, name: string, spec: Partial<Kinds[P]['spec']>): Promise<Kinds[P]> {
  return write('PATCH', apiPath(plural, name), { spec }, 'application/merge-patch+json')
}

export function deleteObject(plural: Plural, name: string): Promise<unknown> {
  return write('DELETE', apiPath(plural, name), undefined)
}

export function cancelTask(name: string): Promise<unknown> {
  return write('POST', apiPath('tasks', name, 'cancel'), {})
}

export function registerCluster(name: string): Promise<Registration> {
  return write('POST', apiPath('clusters', name, 'registration'), {})
}

export interface WhoAmI {
  user: string
  groups: string[]
  /** viewer, operator, admin; empty when the user has no binding. */
  roles: string[]
}

export const whoAmI = (signal?: AbortSignal): Promise<WhoAmI> => getJson('/auth/whoami', signal)
export const signIn = (credential: { code: string } | { token: string }): Promise<unknown> => write('POST', '/auth/login', credential)
export const signOut = (): Promise<unknown> => write('POST', '/auth/logout', {})
