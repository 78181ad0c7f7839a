// The one line that adds a machine. It is shown by the hub to somebody who already trusts the hub, so the pins in it are the root of
// everything after: nothing is run, and no token is sent, before the server has proved to hold the pinned key.
import { type InstallFacts, trustBase64 } from './facts.ts'
import { quoted } from './shell.ts'

export interface Download {
  /** Below the hub's URL. */
  path: string
  /** A file below "$d". */
  to: string
  /** Steps before it. */
  before: readonly string[]
  /** Of curl. */
  options?: string
}

/** `more` are further arguments of the script. @throws OperatorError ScriptValueInvalid */
export function installCommand(facts: InstallFacts, token: string, more = ''): string {
  const fleetPins = facts.fleetPins.map((pin) => `--pin ${quoted('pin', 'a pin of the fleet CA', pin)}`).join(' ')
  const tokenFile = `printf '%s\\n' ${quoted('token', 'the join token', token)} >"$d/token"`
  const args = `--token-file "$d/token" --proxy-file "$d/proxy" ${fleetPins}${more && ` ${more}`}`
  const steps = [
    ...downloadSteps(facts, { path: '/install.sh', to: '$d/install.sh', before: [tokenFile] }),
    `$([ "$(id -u)" -eq 0 ] || echo sudo) sh "$d/install.sh" ${args}`,
  ]
  return `(${steps.join(' && ')})`
}

/**
 * Fetches one file from this hub into a private directory "$d" that goes when the shell ends; the proxy is left in "$d/proxy".
 * printf is part of the shell: the token and the proxy's password are in no process's arguments.
 */
export function downloadSteps(facts: InstallFacts, { path, to, before, options = '' }: Download): string[] {
  const url = quoted('url', 'the public URL', facts.publicUrl)
  const pins = facts.web.pins.map((pin) => `sha256//${quoted('pin', 'a pin of the web key', pin).slice(1, -1)}`).join(';')
  return [
    'umask 077',
    'd=$(mktemp -d)',
    `trap 'rm -rf "$d"' EXIT`,
    `printf %s ${quoted('base64', 'the CA', trustBase64(facts))} | base64 -d >"$d/ca.pem"`,
    ...before,
    'p=${MOORLINE_PROXY:-${https_proxy:-${HTTPS_PROXY:-}}}',
    `printf '%s\\n' "$p" >"$d/proxy"`,
    'case "$p" in socks5:*) p="socks5h:${p#socks5:}" ;; esac',
    `https_proxy="$p" curl -fsS --proto '=https' --tlsv1.2 --cacert "$d/ca.pem" --capath "$d" --pinnedpubkey '${pins}'${options && ` ${options}`} -o "${to}" ${url}${path}`,
  ]
}
