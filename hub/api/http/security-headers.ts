// Headers that every answer carries. The policy allows no inline script or style anywhere.
import { isIP } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { hostOf } from './guard.ts'

const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

export function registerSecurityHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'content-security-policy': pagePolicy,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'permissions-policy': 'camera=(), geolocation=(), microphone=()',
      'cache-control': 'no-store',
    })
    // Not for localhost: it would bind every other program on that name to HTTPS.
    const host = hostOf(request).replace(/:\d+$/, '')
    if (host !== 'localhost' && isIP(host.replace(/^\[|\]$/g, '')) === 0) reply.header('strict-transport-security', 'max-age=31536000')
  })
}
