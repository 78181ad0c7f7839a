// Sign in by a one-time link (the code is in the fragment, which no server log sees) or by an access token.
import { Alert, Button, Form, FormGroup, FormHelperText, HelperText, HelperTextItem, TextInput } from '@patternfly/react-core'
import { useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useCallback, useEffect, useState } from 'react'
import { useLocation, useNavigate } from 'react-router'
import { signIn } from '../api/client.ts'
import { type ApiFailure, asFailure } from '../api/failure.ts'
import { Mark } from '../components/mark.tsx'
import { sessionKey } from '../data/session.ts'
import { printable } from '../derive/format.ts'

/** Reads the code of a one-time link and removes it from the address and the history. */
function takeCode(): string | undefined {
  const code = new URLSearchParams(location.hash.slice(1)).get('code')
  if (location.hash !== '') history.replaceState(history.state, '', location.pathname)
  return code ?? undefined
}

function explain(failure: ApiFailure, isLink: boolean): { title: string; next: string } {
  if (failure.status !== 401) return { title: printable(failure.message), next: failure.next }
  if (isLink)
    return {
      title: 'This link cannot be used any more',
      next: 'A link works once and for ten minutes. Start the hub again for a new one, or sign in with an access token below.',
    }
  return {
    title: 'The hub does not know this token',
    next: 'It may be mistyped, expired or withdrawn. The token in the admin kubeconfig that the hub wrote (users[0].user.token) always works.',
  }
}

export function LoginPage() {
  const [token, setToken] = useState('')
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<{ title: string; next: string }>()
  const queries = useQueryClient()
  const navigate = useNavigate()
  // Kept from the first look: opening a link here replaces the location's state.
  const { state } = useLocation()
  const [from] = useState(() => (state as { from?: string } | null)?.from)
  const enter = useCallback(
    async (credential: { code: string } | { token: string }) => {
      setBusy(true)
      setProblem(undefined)
      try {
        await signIn(credential)
        await queries.resetQueries({ queryKey: sessionKey })
        await navigate(from?.startsWith('/') && !from.startsWith('//') ? from : '/', { replace: true })
      } catch (error) {
        setProblem(explain(asFailure(error), 'code' in credential))
        setBusy(false)
      }
    },
    [queries, navigate, from],
  )
  useEffect(() => {
    const follow = () => {
      const code = takeCode()
      if (code) void enter({ code })
    }
    follow()
    addEventListener('hashchange', follow)
    return () => removeEventListener('hashchange', follow)
  }, [enter])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void enter({ token: token.trim() })
  }
  return (
    <main className="m-login">
      <title>Sign in · Moorline</title>
      <div className="m-login-card">
        <Mark />
        <h1 className="m-title">Sign in</h1>
        {problem && (
          <Alert component="h2" variant="danger" isInline title={problem.title} role="alert">
            <p>{problem.next}</p>
          </Alert>
        )}
        <Form onSubmit={submit}>
          <FormGroup label="Access token" fieldId="token">
            <TextInput
              id="token"
              type="password"
              autoComplete="off"
              spellCheck="false"
              value={token}
              onChange={(_event, value) => setToken(value)}
              isRequired
              maxLength={4096}
            />
            <FormHelperText>
              <HelperText>
                <HelperTextItem>Or open the one-time link that the hub printed when it started.</HelperTextItem>
              </HelperText>
            </FormHelperText>
          </FormGroup>
          <Button type="submit" variant="primary" isBlock isLoading={isBusy} isDisabled={isBusy || token.trim() === ''}>
            {isBusy ? 'Signing in' : 'Sign in'}
          </Button>
        </Form>
      </div>
    </main>
  )
}
