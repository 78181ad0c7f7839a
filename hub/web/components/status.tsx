// One look for every state: icon, colour and word together, so that colour alone never carries the meaning.
import { Icon, Label } from '@patternfly/react-core'
import BanIcon from '@patternfly/react-icons/dist/esm/icons/ban-icon'
import CheckCircleIcon from '@patternfly/react-icons/dist/esm/icons/check-circle-icon'
import DisconnectedIcon from '@patternfly/react-icons/dist/esm/icons/disconnected-icon'
import ExclamationCircleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon'
import ExclamationTriangleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon'
import HourglassHalfIcon from '@patternfly/react-icons/dist/esm/icons/hourglass-half-icon'
import InProgressIcon from '@patternfly/react-icons/dist/esm/icons/in-progress-icon'
import MinusCircleIcon from '@patternfly/react-icons/dist/esm/icons/minus-circle-icon'
import PendingIcon from '@patternfly/react-icons/dist/esm/icons/pending-icon'
import QuestionCircleIcon from '@patternfly/react-icons/dist/esm/icons/question-circle-icon'
import type { ComponentType } from 'react'
import { printable } from '../derive/format.ts'

type Tone = 'success' | 'warning' | 'danger' | 'info' | 'neutral'
interface Look {
  tone: Tone
  icon: ComponentType
  /** What is written when it differs from the state itself. */
  word?: string
}

const looks: Readonly<Record<string, Look>> = {
  // machines
  Connected: { tone: 'success', icon: CheckCircleIcon },
  Disconnected: { tone: 'danger', icon: DisconnectedIcon },
  Pending: { tone: 'warning', icon: HourglassHalfIcon },
  Denied: { tone: 'neutral', icon: BanIcon },
  Revoked: { tone: 'neutral', icon: BanIcon },
  // tasks
  Delivered: { tone: 'info', icon: PendingIcon },
  Running: { tone: 'info', icon: InProgressIcon },
  Succeeded: { tone: 'success', icon: CheckCircleIcon },
  Failed: { tone: 'danger', icon: ExclamationCircleIcon },
  TimedOut: { tone: 'danger', icon: ExclamationCircleIcon, word: 'Timed out' },
  Canceled: { tone: 'neutral', icon: BanIcon },
  // clusters
  Creating: { tone: 'info', icon: InProgressIcon },
  Updating: { tone: 'info', icon: InProgressIcon },
  Deleting: { tone: 'info', icon: InProgressIcon },
  // terminals
  Connecting: { tone: 'info', icon: InProgressIcon },
  Closed: { tone: 'neutral', icon: MinusCircleIcon },
  // tokens
  Active: { tone: 'success', icon: CheckCircleIcon },
  Exhausted: { tone: 'neutral', icon: MinusCircleIcon },
  Expired: { tone: 'neutral', icon: MinusCircleIcon },
  // preflight
  passed: { tone: 'success', icon: CheckCircleIcon, word: 'Passed' },
  failed: { tone: 'danger', icon: ExclamationCircleIcon, word: 'Failed' },
  warning: { tone: 'warning', icon: ExclamationTriangleIcon, word: 'Warning' },
  warnings: { tone: 'warning', icon: ExclamationTriangleIcon, word: 'Warnings' },
  unknown: { tone: 'warning', icon: QuestionCircleIcon, word: 'Unknown' },
  skipped: { tone: 'neutral', icon: MinusCircleIcon, word: 'Skipped' },
  none: { tone: 'neutral', icon: MinusCircleIcon, word: 'Not run' },
  // conditions
  True: { tone: 'success', icon: CheckCircleIcon },
  False: { tone: 'danger', icon: ExclamationCircleIcon },
  Unknown: { tone: 'warning', icon: QuestionCircleIcon },
  fine: { tone: 'success', icon: CheckCircleIcon },
}
// A Cluster that runs is well; a Task that runs is under way.
const running: Look = { tone: 'success', icon: CheckCircleIcon }
const stranger: Look = { tone: 'neutral', icon: QuestionCircleIcon }

function lookOf(state: string, of?: 'cluster'): Look {
  if (of === 'cluster' && state === 'Running') return running
  return Object.hasOwn(looks, state) ? (looks[state] as Look) : stranger
}

const iconStatus = (tone: Tone) => (tone === 'neutral' ? undefined : tone)

export function Status({ state, of, children }: { state: string; of?: 'cluster'; children?: React.ReactNode }) {
  const look = lookOf(state, of)
  return (
    <span className="m-status" data-state={printable(state, 64)}>
      <Icon status={iconStatus(look.tone)} className={look.tone === 'neutral' ? 'm-dim' : undefined}>
        <look.icon />
      </Icon>
      <span>{children ?? look.word ?? printable(state, 64)}</span>
    </span>
  )
}

/** The same as a badge, for page headers. */
export function StatusLabel({ state, of }: { state: string; of?: 'cluster' }) {
  const { tone, icon: LookIcon, word } = lookOf(state, of)
  return (
    <Label status={tone === 'neutral' ? undefined : tone} color="grey" icon={<LookIcon />} data-state={printable(state, 64)}>
      {word ?? printable(state, 64)}
    </Label>
  )
}
