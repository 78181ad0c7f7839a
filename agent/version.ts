// The version of this build; scripts/build puts it in with esbuild's define.
declare const MOORLINE_VERSION: string | undefined

export const agentVersion: string = typeof MOORLINE_VERSION === 'string' ? MOORLINE_VERSION : '0.1.0-dev'
