// Every error a user or an operator can meet, in one table: docs/errors.md is generated from it.
// `status` is the HTTP status where the error leaves through the API; `reason` Kubernetes' word for it.

export interface ErrorEntry {
  status: number
  reason: string
  isRetryable: boolean
  /** What it means. */
  summary: string
  /** What to do next. */
  next: string
}

export const errorCatalogue = {
  // API
  BadRequest: {
    status: 400,
    reason: 'BadRequest',
    isRetryable: false,
    summary: 'The request could not be understood.',
    next: 'Correct what the message names.',
  },
  Unauthorized: {
    status: 401,
    reason: 'Unauthorized',
    isRetryable: false,
    summary: 'No valid token or session came with the request.',
    next: 'Use a current kubeconfig, or sign in again with a new link from `npm start`.',
  },
  Forbidden: {
    status: 403,
    reason: 'Forbidden',
    isRetryable: false,
    summary: 'The user may not do this.',
    next: 'Ask an admin for an AccessBinding; `kubectl auth can-i --list` shows what you may do.',
  },
  NotFound: {
    status: 404,
    reason: 'NotFound',
    isRetryable: false,
    summary: 'There is no such object or path.',
    next: 'List the kind to see the names that exist.',
  },
  MethodNotAllowed: {
    status: 405,
    reason: 'MethodNotAllowed',
    isRetryable: false,
    summary: 'The path exists but not for this method.',
    next: 'See docs/api.md for the verbs of each kind.',
  },
  NotAcceptable: {
    status: 406,
    reason: 'NotAcceptable',
    isRetryable: false,
    summary: 'None of the media types in Accept can be served.',
    next: 'Accept application/json.',
  },
  AlreadyExists: {
    status: 409,
    reason: 'AlreadyExists',
    isRetryable: false,
    summary: 'An object of that name exists.',
    next: 'Choose another name, or use apply to change the one that exists.',
  },
  Conflict: {
    status: 409,
    reason: 'Conflict',
    isRetryable: true,
    summary: 'The object has changed since it was read.',
    next: 'Read it again and repeat the change.',
  },
  Expired: {
    status: 410,
    reason: 'Expired',
    isRetryable: true,
    summary: 'The resourceVersion is older than the change log.',
    next: 'List again and watch from there; kubectl does so by itself.',
  },
  RequestEntityTooLarge: {
    status: 413,
    reason: 'RequestEntityTooLarge',
    isRetryable: false,
    summary: 'The body is over 3 MiB.',
    next: 'Send less in one request.',
  },
  UnsupportedMediaType: {
    status: 415,
    reason: 'UnsupportedMediaType',
    isRetryable: false,
    summary: 'The content type is not supported here.',
    next: 'Send one of the types the message lists.',
  },
  Invalid: {
    status: 422,
    reason: 'Invalid',
    isRetryable: false,
    summary: 'A field has a value that is not allowed.',
    next: 'Correct the fields that details.causes names.',
  },
  TooManyRequests: {
    status: 429,
    reason: 'TooManyRequests',
    isRetryable: true,
    summary: 'Too many requests from this caller.',
    next: 'Wait for the seconds that Retry-After says.',
  },
  InternalError: {
    status: 500,
    reason: 'InternalError',
    isRetryable: true,
    summary: 'The hub failed; its log has the cause under the same request id.',
    next: 'Try again; if it stays, look at the hub log.',
  },
  ServiceUnavailable: {
    status: 503,
    reason: 'ServiceUnavailable',
    isRetryable: true,
    summary: 'A part that is needed is not ready.',
    next: '`/readyz?verbose` names the part.',
  },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof errorCatalogue
