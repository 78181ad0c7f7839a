// What this machine allows, as the runner asks for it; agent/config reads it from the machine's own file.
export type PolicyVerdict = { ok: true } | { ok: false; reason: string; message: string }

export interface Policy {
  /** `input` has passed the action's schema. */
  allows(action: string, input: unknown): PolicyVerdict
}
