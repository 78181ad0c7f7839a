// What the agent knows about the API server of its cluster.

/** undefined when the file does not exist. */
export type ReadText = (path: string) => Promise<string | undefined>

export interface KubeAccess {
  host: string
  port: number
  /** Before every path; without a slash at its end. */
  basePath: string
  tls: { ca?: string; cert?: string; key?: string; servername?: string }
  authorization?: string
}

export interface KubeCredentials {
  /** Of the files as they are now, or were a few seconds ago. @throws Error that says which file is wrong, and how */
  current(): Promise<KubeAccess>
  /** The API server did not accept them: the next current() reads again. */
  forget(): void
}
