-- Durable state of one hub. Heartbeats are not here: they are worth nothing after a restart.

-- resource_version: the last one given out. compacted_version: the change log holds everything after it.
CREATE TABLE counters (
  name TEXT NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT;
INSERT INTO counters (name, value) VALUES ('resource_version', 0), ('compacted_version', 0);

CREATE TABLE resources (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  uid TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL,
  json TEXT NOT NULL,
  checksum INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT;

CREATE TABLE changes (
  version INTEGER NOT NULL PRIMARY KEY,
  type TEXT NOT NULL CHECK (type IN ('ADDED', 'MODIFIED', 'DELETED')),
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  json TEXT NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;

-- accepts_gap is set by a restore from a backup: what the agent sent after the backup is gone and will not come again.
CREATE TABLE agents (
  agent_id TEXT NOT NULL PRIMARY KEY,
  sequence INTEGER NOT NULL,
  accepts_gap INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE task_logs (
  id INTEGER NOT NULL PRIMARY KEY,
  task_uid TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  last_row INTEGER NOT NULL DEFAULT 0,
  size_bytes INTEGER NOT NULL DEFAULT 0,
  dropped_events INTEGER NOT NULL DEFAULT 0,
  UNIQUE (task_uid, attempt)
) STRICT;

CREATE TABLE task_log_rows (
  log_id INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  at TEXT NOT NULL,
  stream TEXT NOT NULL,
  data BLOB NOT NULL,
  checksum INTEGER NOT NULL,
  PRIMARY KEY (log_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  id INTEGER NOT NULL PRIMARY KEY,
  at TEXT NOT NULL,
  user TEXT NOT NULL,
  verb TEXT NOT NULL,
  resource TEXT NOT NULL,
  name TEXT NOT NULL,
  decision TEXT NOT NULL,
  result TEXT NOT NULL,
  remote_address TEXT NOT NULL,
  detail TEXT,
  previous_hash TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;

-- One row: the end of the chain, so that rows cut off its end are missed.
CREATE TABLE audit_head (
  only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
  id INTEGER NOT NULL,
  hash TEXT NOT NULL
) STRICT;
INSERT INTO audit_head (only, id, hash) VALUES (1, 0, '');

CREATE TABLE settings (
  key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;
