// /install.sh: POSIX sh, made for this hub. Its own values are constants at the top; what the operator gives comes by files and flags.
import { readFileSync } from 'node:fs'
import { hubAddress, type InstallFacts, trustBase64 } from './facts.ts'
import { quoted } from './shell.ts'
import { systemdUnit } from './unit.ts'

const body = readFileSync(new URL('./install-body.sh', import.meta.url), 'utf8')

export interface AgentArtifact {
  /** moorline-agent-linux-<arch> */
  name: string
  /** Lower-case hex, of the binary itself. */
  sha256: string
  /** The same binary with .zst is there too. */
  isCompressed: boolean
}

/** @throws OperatorError ScriptValueInvalid when a value does not fit its grammar: nothing is served then */
export function installScript(facts: InstallFacts, agents: readonly AgentArtifact[]): string {
  const pins = facts.web.pins.map((pin) => `sha256//${quoted('pin', 'a pin of the web key', pin).slice(1, -1)}`).join(';')
  const fleetPins = facts.fleetPins.map((pin) => quoted('pin', 'a pin of the fleet CA', pin).slice(1, -1)).join(' ')
  const cases = agents.map(({ name, sha256, isCompressed }) => {
    const artifact = quoted('artifact', 'the name of the agent binary', name)
    const machine = name.endsWith('-arm64') ? 'aarch64' : 'x86_64'
    return `  ${machine}) artifact=${artifact} sha256=${quoted('sha256', 'the digest of the agent binary', sha256)} has_zstd=${isCompressed ? 1 : 0} ;;`
  })
  return `#!/bin/sh
# Installs the Moorline agent ${quoted('version', 'the version', facts.version).slice(1, -1)} on this machine and joins it to the hub that served this script.
# Safe to run again. sh install.sh --help
set -eu

hub_url=${quoted('url', 'the public URL', facts.publicUrl)}
hub_address=${quoted('hostPort', 'the public URL', hubAddress(facts.publicUrl))}
web_pins='${pins}'
ca_base64=${quoted('base64', 'the CA', trustBase64(facts))}
default_pins='${fleetPins}'

choose_artifact() {
  case "$(uname -m)" in
${cases.join('\n')}
  *) fail "this hub has no agent for $(uname -s) $(uname -m)" ;;
  esac
}

print_unit() {
  cat <<'END_OF_UNIT'
${systemdUnit('/usr/local/bin/moorline-agent')}END_OF_UNIT
}

${body}`
}
