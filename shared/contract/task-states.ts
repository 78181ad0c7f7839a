// Alone in a file, so that what only needs the names does not load the schemas.
export const taskStates = ['Pending', 'Delivered', 'Running', 'Succeeded', 'Failed', 'Canceled', 'TimedOut'] as const
export type TaskStateName = (typeof taskStates)[number]
