// Gives grpc-js servers the flow-control windows that it has no options for. It reaches into the library (its exact version
// is pinned): a test reads what a real peer was told and fails when that is the default.
import type { Http2Server } from 'node:http2'
import type { Server } from '@grpc/grpc-js'
import { grpcConnectionWindowBytes, grpcMaxConcurrentStreams, grpcStreamWindowBytes } from '#shared/contract/grpc-windows.ts'

interface ServerInternals {
  commonServerOptions?: { settings?: Record<string, number> }
  http2Servers?: Map<Http2Server, unknown>
}

/** Call before createConnectionInjector. Throws when the library has changed its shape. */
export function tuneStreamWindows(server: Server): void {
  const { commonServerOptions } = server as unknown as ServerInternals
  if (commonServerOptions === undefined) throw new Error('grpc-js has no commonServerOptions any more: windows cannot be set')
  commonServerOptions.settings = {
    ...commonServerOptions.settings,
    initialWindowSize: grpcStreamWindowBytes.hubReceives,
    maxConcurrentStreams: grpcMaxConcurrentStreams,
  }
}

/** Call after createConnectionInjector. Throws when the library has changed its shape. */
export function tuneConnectionWindows(server: Server): void {
  const { http2Servers } = server as unknown as ServerInternals
  if (http2Servers === undefined || http2Servers.size === 0) throw new Error('grpc-js has no http2Servers any more: windows cannot be set')
  for (const http2Server of http2Servers.keys()) {
    http2Server.on('session', (session) => {
      if (!session.destroyed) session.setLocalWindowSize(grpcConnectionWindowBytes)
    })
  }
}
