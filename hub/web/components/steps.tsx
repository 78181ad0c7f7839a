// Steps of something that goes on, as they are done: what is still to come is never written as if it had happened.
import { ProgressStep, ProgressStepper } from '@patternfly/react-core'
import type { Step } from '../derive/cluster.ts'

export function Steps({ label, of, steps }: { label: string; of: string; steps: readonly Step[] }) {
  const current = steps.findIndex(({ isDone }) => !isDone)
  return (
    <ProgressStepper aria-label={label}>
      {steps.map(({ id, title, doneTitle, isDone }, index) => {
        const shown = isDone ? doneTitle : title
        return (
          <ProgressStep
            key={id}
            id={`${of}-${id}`}
            titleId={`${of}-${id}-title`}
            variant={isDone ? 'success' : index === current ? 'info' : 'pending'}
            isCurrent={index === current}
            aria-label={`${shown}: ${isDone ? 'done' : index === current ? 'now' : 'to come'}`}
          >
            {shown}
          </ProgressStep>
        )
      })}
    </ProgressStepper>
  )
}
