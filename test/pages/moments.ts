// Times and conditions of the canned objects.
export const minutesAgo = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString()

export const condition = (type: string, status: string, reason: string, message: string, minutes = 60) => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: minutesAgo(minutes),
})
