// Where a task is on its way, and when it stands still: who is waited for, since when, until when.
import { Alert, Progress, ProgressStep, ProgressStepper } from '@patternfly/react-core'
import type { ReactNode } from 'react'
import type { Task } from '#shared/contract/task.ts'
import { isFinished, taskState, waitingOf } from '../derive/task.ts'
import { Age, Plain } from './text.tsx'

interface Step {
  id: string
  title: string
  at: string | null | undefined
}

const endTitles: Readonly<Record<string, string>> = {
  Succeeded: 'Succeeded',
  Failed: 'Failed',
  TimedOut: 'Timed out',
  Canceled: 'Canceled',
}

function describe(at: string | null | undefined): ReactNode {
  return at ? <Age at={at} suffix="ago" /> : undefined
}

export function TaskProgress({ task }: { task: Task }) {
  const state = taskState(task)
  const { status, metadata } = task
  const isOver = isFinished(task)
  const steps: Step[] = [
    { id: 'pending', title: 'Pending', at: metadata.creationTimestamp },
    { id: 'delivered', title: 'Delivered', at: status?.deliveredAt },
    { id: 'running', title: 'Running', at: status?.startedAt },
  ]
  const currentIndex = isOver ? 3 : ['Pending', 'Delivered', 'Running'].indexOf(state)
  const endVariant = state === 'Succeeded' ? 'success' : state === 'Canceled' ? 'warning' : 'danger'
  return (
    <ProgressStepper aria-label="Progress of the task">
      {steps.map((step, index) => {
        const isPassed = index < currentIndex && (step.at || !isOver)
        const variant = isPassed ? 'success' : index === currentIndex ? 'info' : 'pending'
        return (
          <ProgressStep
            key={step.id}
            id={step.id}
            titleId={`${step.id}-title`}
            variant={variant}
            isCurrent={index === currentIndex}
            description={describe(step.at)}
            aria-label={`${step.title}: ${isPassed ? 'done' : index === currentIndex ? 'current' : 'not reached'}`}
          >
            {step.title}
          </ProgressStep>
        )
      })}
      <ProgressStep
        id="end"
        titleId="end-title"
        variant={isOver ? endVariant : 'pending'}
        isCurrent={isOver}
        description={describe(status?.finishedAt)}
        aria-label={`End: ${isOver ? endTitles[state] : 'not reached'}`}
      >
        {isOver ? endTitles[state] : 'End'}
      </ProgressStep>
    </ProgressStepper>
  )
}

export function TaskStanding({ task }: { task: Task }) {
  const { status } = task
  const state = taskState(task)
  if (isFinished(task)) {
    if (state === 'Succeeded' || !(status?.message || status?.reason)) return null
    return (
      <Alert
        component="h2"
        variant={state === 'Canceled' ? 'warning' : 'danger'}
        isInline
        title={<Plain max={128}>{status.reason || state}</Plain>}
      >
        <Plain>{status.message || 'No message was given; the end of the log may say more.'}</Plain>
      </Alert>
    )
  }
  const waiting = waitingOf(task)
  return (
    <>
      {status?.cancelRequestedAt && (
        <Alert component="h2" variant="info" isInline title="Cancel requested">
          The agent is asked to stop; the task ends as canceled when it has. Requested <Age at={status.cancelRequestedAt} suffix="ago" />.
        </Alert>
      )}
      {waiting && (
        <Alert
          component="h2"
          variant="info"
          isInline
          title={<Plain max={128}>{waiting.reason === 'Running' ? 'Running' : `Waiting: ${waiting.reason}`}</Plain>}
        >
          <Plain>{waiting.message}</Plain>
        </Alert>
      )}
      {status?.progress && (
        <Progress
          value={status.progress.percent}
          title={<Plain max={256}>{status.progress.message}</Plain>}
          aria-label="Progress"
          size="sm"
        />
      )}
    </>
  )
}
