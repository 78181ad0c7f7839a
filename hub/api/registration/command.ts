// The two lines of a registration. Like the install command they carry the hub's CA and pins: no token is sent before the server has
// proved to hold the pinned key, and no secret is in a process's arguments.
import { downloadSteps, installCommand } from '../install/command.ts'
import type { InstallFacts } from '../install/facts.ts'
import { quoted } from '../install/shell.ts'

/** Where the manifest is fetched with the join token as bearer. */
export const manifestPath = '/registration/manifest.yaml'
export const defaultKubeconfig = '/etc/kubernetes/admin.conf'

/** Fetched whole before the first object of it is applied. @throws OperatorError ScriptValueInvalid */
export function manifestCommand(facts: InstallFacts, token: string): string {
  const header = `printf 'Authorization: Bearer %s\\n' ${quoted('token', 'the join token', token)} >"$d/header"`
  const steps = [
    ...downloadSteps(facts, { path: manifestPath, to: '$d/agent.yaml', before: [header], options: '-H @"$d/header"' }),
    'kubectl apply -f "$d/agent.yaml"',
  ]
  return `(${steps.join(' && ')})`
}

/** @throws OperatorError ScriptValueInvalid */
export function hostCommand(facts: InstallFacts, token: string): string {
  return installCommand(facts, token, `--kubeconfig ${quoted('path', 'the kubeconfig', defaultKubeconfig)}`)
}
