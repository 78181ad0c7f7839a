// Headers that every answer carries. The policy allows no inline script or style anywhere.
import { isIP } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { hostOf } from './guard.ts'
import { pagePolicy } from './page-policy.ts'

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
