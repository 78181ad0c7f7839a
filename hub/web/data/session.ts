// Who is signed in. The answer of /auth/whoami decides; a 401 anywhere ends it.
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { type WhoAmI, whoAmI } from '../api/client.ts'
import { ApiFailure } from '../api/failure.ts'

export const sessionKey = ['session'] as const

/** null: not signed in. */
export function useSession() {
  return useQuery<WhoAmI | null>({
    queryKey: sessionKey,
    queryFn: async ({ signal }) => {
      try {
        return await whoAmI(signal)
      } catch (error) {
        if (error instanceof ApiFailure && error.status === 401) return null
        throw error
      }
    },
    staleTime: Number.POSITIVE_INFINITY,
    retry: 2,
  })
}

export function useRole(): { user: string; role: string; canOperate: boolean; isAdmin: boolean } {
  const session = useQueryClient().getQueryData<WhoAmI | null>(sessionKey)
  const roles = session?.roles ?? []
  const role = ['admin', 'operator', 'viewer'].find((one) => roles.includes(one)) ?? 'no role'
  return { user: session?.user ?? '', role, canOperate: role === 'operator' || role === 'admin', isAdmin: role === 'admin' }
}
