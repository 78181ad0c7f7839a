// The one line that adds a machine. It is shown by the hub to somebody who already trusts the hub, so the pins in it are the root of
// everything after: nothing is run, and no token is sent, before the server has proved to hold the pinned key.
import { type InstallFacts, trustBase64 } from './facts.ts'
import { quoted } from './shell.ts'

/** @throws OperatorError ScriptValueInvalid */
export function installCommand(facts: InstallFacts, token: string): string {
  const url = quoted('url', 'the public URL', facts.publicUrl)
  const pins = facts.web.pins.map((pin) => `sha256//${quoted('pin', 'a pin of the web key', pin).slice(1, -1)}`).join(';')
  const fleetPins = facts.fleetPins.map((pin) => `--pin ${quoted('pin', 'a pin of the fleet CA', pin)}`).join(' ')
  // printf is part of the shell: the token and the proxy's password are in no process's arguments.
  const steps = [
    'umask 077',
    'd=$(mktemp -d)',
    `trap 'rm -rf "$d"' EXIT`,
    `printf %s ${quoted('base64', 'the CA', trustBase64(facts))} | base64 -d >"$d/ca.pem"`,
    `printf '%s\\n' ${quoted('token', 'the join token', token)} >"$d/token"`,
    'p=${MOORLINE_PROXY:-${https_proxy:-${HTTPS_PROXY:-}}}',
    `printf '%s\\n' "$p" >"$d/proxy"`,
    'case "$p" in socks5:*) p="socks5h:${p#socks5:}" ;; esac',
    `https_proxy="$p" curl -fsS --proto '=https' --tlsv1.2 --cacert "$d/ca.pem" --capath "$d" --pinnedpubkey '${pins}' -o "$d/install.sh" ${url}/install.sh`,
    `$([ "$(id -u)" -eq 0 ] || echo sudo) sh "$d/install.sh" --token-file "$d/token" --proxy-file "$d/proxy" ${fleetPins}`,
  ]
  return `(${steps.join(' && ')})`
}
