// The `terminal` part of the machine's policy: whether the hub may open shells here, as whom, and under which limits. Without it, none.
import Type, { type Static } from 'typebox'

const closed = { additionalProperties: false } as const

export const TerminalPolicy = Type.Object(
  {
    user: Type.String({
      pattern: '^[a-z_][a-z0-9_-]{0,31}\\$?$',
      description: 'whom terminals run as; an agent that is not root can only be itself',
    }),
    shell: Type.Optional(Type.String({ pattern: '^/', maxLength: 4096, description: 'default the login shell of the user' })),
    commands: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 4096 }), {
        maxItems: 1024,
        description: 'the only programs that may be started, exactly as the request names them, and no shell; without the list everything',
      }),
    ),
    idleSeconds: Type.Optional(
      Type.Integer({
        minimum: 5,
        maximum: 86_400,
        description: 'without input for this long (without a tty: nor output) it is ended; default 900',
      }),
    ),
    sessions: Type.Optional(Type.Integer({ minimum: 1, maximum: 16, description: 'open at the same time; default 4' })),
    recording: Type.Optional(
      Type.Enum(['always', 'never'], { description: 'whether output is kept in STATE_DIR/recordings, as asciicast; default never' }),
    ),
  },
  { ...closed, description: 'lets admins of the hub open shells on this machine; default not at all' },
)
export type TerminalPolicy = Static<typeof TerminalPolicy>

export const terminalDefaults = { idleSeconds: 900, sessions: 4, recording: 'never' } as const
