import type { JoinToken } from '#shared/contract/join-token.ts'
import type { Machine } from '#shared/contract/machine.ts'
import { type Controller, createStatusController, type StatusControllerDeps } from '#hub/controllers/runtime/status-controller.ts'
import { planJoinToken } from './plan.ts'

export function createJoinTokenController(deps: StatusControllerDeps): Controller {
  const joinedWith = (token: JoinToken) =>
    deps.resources
      .list<Machine>('Machine')
      .items.filter((machine) => machine.status?.enrollment?.joinToken === token.metadata.name)
      .map((machine) => machine.metadata.name)
  return createStatusController<JoinToken>(deps, 'JoinToken', (token, now) =>
    planJoinToken(token, token.spec.revoked ? joinedWith(token) : [], now),
  )
}
