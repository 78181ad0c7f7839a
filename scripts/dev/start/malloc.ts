/** glibc keeps what many TLS handshakes freed in an arena per thread; one arena and an early trim give most of it back. The images and the agent's unit set the same. */
export const mallocEnvironment = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' } as const
