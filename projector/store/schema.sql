-- The tables that people query; README, "The tables", says what a row means. Times are epoch milliseconds, costs are
-- US dollars. Texts are the last columns: SQLite reads a row from its beginning, so that totals need not read them.
-- A source has a default, so that statements that insert without one keep working; such rows last until a rebuild.

CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  title TEXT,
  project_path TEXT,
  project_name TEXT,
  model TEXT,
  provider TEXT,
  prompt_tokens INTEGER NOT NULL DEFAULT 0,
  completion_tokens INTEGER NOT NULL DEFAULT 0,
  cost REAL,
  created_at INTEGER,
  updated_at INTEGER,
  source TEXT NOT NULL DEFAULT 'unknown',
  status TEXT,
  parent_id TEXT,
  forked_from TEXT,
  agent TEXT,
  client_version TEXT,
  git_branch TEXT,
  permission_mode TEXT,
  reasoning_tokens INTEGER NOT NULL DEFAULT 0,
  cache_read_tokens INTEGER NOT NULL DEFAULT 0,
  cache_write_tokens INTEGER NOT NULL DEFAULT 0,
  cache_write_1h_tokens INTEGER NOT NULL DEFAULT 0,  -- the part of cache_write_tokens that is kept for an hour
  cost_source TEXT,  -- 'client', 'prices', 'unknown', 'parent'
  message_count INTEGER NOT NULL DEFAULT 0,
  tool_call_count INTEGER NOT NULL DEFAULT 0,
  error_count INTEGER NOT NULL DEFAULT 0,
  ended_at INTEGER,
  deleted_at INTEGER
);
CREATE INDEX sessions_by_activity ON sessions (
  max(coalesce(updated_at, ended_at, created_at), ifnull(ended_at, 0)) DESC, id
);
CREATE INDEX sessions_by_parent ON sessions (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE messages (
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES sessions (id),
  role TEXT,
  model TEXT,
  prompt_tokens INTEGER,
  completion_tokens INTEGER,
  duration_ms INTEGER,
  created_at INTEGER,
  completed_at INTEGER,
  source TEXT NOT NULL DEFAULT 'unknown',
  parent_id TEXT,
  provider TEXT,
  agent TEXT,
  reasoning_tokens INTEGER,
  cache_read_tokens INTEGER,
  cache_write_tokens INTEGER,
  cache_write_1h_tokens INTEGER,
  web_searches INTEGER,
  price_context TEXT,  -- JSON: what else the price depends on; NULL for the usual price
  cost REAL,
  cost_source TEXT,  -- 'client', 'prices', 'unknown'
  finish_reason TEXT,
  synthetic INTEGER NOT NULL DEFAULT 0,
  time_inferred INTEGER NOT NULL DEFAULT 0,  -- the client reports no created_at
  role_inferred INTEGER NOT NULL DEFAULT 0,  -- the client reports no role
  model_inferred INTEGER NOT NULL DEFAULT 0,  -- the client reports no model, but one for the session
  made_at INTEGER,  -- when its id was made, if the id says so: a fork's copy has a new id and its old times
  counted_at INTEGER,  -- when the snapshot with the counts was completed; NULL where counts only grow
  session_total INTEGER NOT NULL DEFAULT 0,  -- what the client reports only for the whole session, in one row
  copied INTEGER NOT NULL DEFAULT 0,  -- copied from another session: in no total
  deleted_at INTEGER,
  position INTEGER,  -- the last place in the client's record that holds it, where the client rewrites its record
  reasoning_apart INTEGER NOT NULL DEFAULT 0,  -- completion_tokens do not include reasoning_tokens
  text_content TEXT
);
CREATE INDEX messages_by_session ON messages (session_id, created_at);
CREATE INDEX messages_copied ON messages (session_id) WHERE copied;
CREATE INDEX messages_unpriced ON messages (provider, model) WHERE cost_source = 'unknown';

CREATE TABLE parts (
  id TEXT PRIMARY KEY,
  message_id TEXT NOT NULL REFERENCES messages (id),
  session_id TEXT NOT NULL,
  source TEXT NOT NULL,
  seq INTEGER NOT NULL,
  type TEXT,
  synthetic INTEGER,  -- NULL where the harness marks messages, not parts
  created_at INTEGER,
  completed_at INTEGER,
  deleted_at INTEGER,
  text TEXT,
  data TEXT
);
CREATE INDEX parts_by_message ON parts (message_id, seq);

CREATE TABLE tools (
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES sessions (id),
  message_id TEXT,
  tool_name TEXT,
  call_id TEXT,  -- the client's own id of the call, if that is not `id`
  title TEXT,  -- as the client shows it
  file_path TEXT,
  edits_file INTEGER NOT NULL DEFAULT 0,  -- a successful call edits file_path
  edited_files TEXT,  -- JSON array of paths, if the result names the files that were edited
  status TEXT,
  success INTEGER,
  exit_code INTEGER,
  duration_ms INTEGER,
  created_at INTEGER,
  completed_at INTEGER,
  source TEXT NOT NULL DEFAULT 'unknown',
  model TEXT,  -- the message's, else the session's
  open_rank INTEGER NOT NULL DEFAULT -1,  -- how good the source of the call is (projector.model.changes.Rank)
  close_rank INTEGER NOT NULL DEFAULT -1,  -- how good the source of the result is
  error_message TEXT,
  tool_input TEXT,
  tool_output TEXT
);
-- Covers all that `stats` reads of a call.
CREATE INDEX tools_by_session ON tools (session_id, tool_name, created_at, model, success, duration_ms);
CREATE INDEX tools_by_message ON tools (message_id);
CREATE INDEX tools_edits ON tools (session_id) WHERE edits_file;
CREATE INDEX tools_results ON tools (session_id) WHERE open_rank < 0 AND call_id IS NOT NULL;
CREATE INDEX tools_failed ON tools (coalesce(created_at, 0), id) WHERE success = 0;

CREATE TABLE session_errors (
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES sessions (id),
  message_id TEXT,
  error_type TEXT,
  error_message TEXT,
  status_code INTEGER,
  will_retry INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER,
  source TEXT NOT NULL
);
CREATE INDEX session_errors_by_session ON session_errors (session_id, created_at);

CREATE TABLE compaction_events (
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES sessions (id),
  "trigger" TEXT,
  pre_tokens INTEGER,
  post_tokens INTEGER,
  duration_ms INTEGER,
  created_at INTEGER,
  source TEXT NOT NULL
);
CREATE INDEX compaction_events_by_session ON compaction_events (session_id, created_at);

CREATE TABLE file_edits (
  id TEXT PRIMARY KEY,  -- the call's, of its first file
  session_id TEXT NOT NULL REFERENCES sessions (id),
  message_id TEXT,
  tool_name TEXT,
  file_path TEXT NOT NULL,
  edited_at INTEGER,
  source TEXT NOT NULL,
  tool_id TEXT NOT NULL REFERENCES tools (id) ON DELETE CASCADE
);
CREATE INDEX file_edits_by_path ON file_edits (file_path);
CREATE INDEX file_edits_by_session ON file_edits (session_id);
CREATE INDEX file_edits_by_tool ON file_edits (tool_id);

CREATE TABLE todos (
  session_id TEXT NOT NULL REFERENCES sessions (id),
  position INTEGER NOT NULL,
  id TEXT,
  content TEXT NOT NULL,
  status TEXT,
  priority TEXT,
  updated_at INTEGER,
  source TEXT NOT NULL,
  PRIMARY KEY (session_id, position)
) WITHOUT ROWID;

CREATE TABLE projects (
  path TEXT PRIMARY KEY,
  id TEXT,
  name TEXT,
  vcs TEXT
);

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);

-- Prices looked up in the table that meta names, in US dollars per million tokens; NULL for unknown. Of the rows of a
-- model and context that apply, the last one counts, by `since`, then by `above`.
CREATE TABLE prices (
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  context TEXT NOT NULL,  -- messages.price_context; empty for none
  since INTEGER NOT NULL,  -- applies from this time on
  above INTEGER NOT NULL,  -- applies to requests of more input tokens, including the cache's; 0: to all
  input REAL,
  output REAL,
  cache_read REAL,
  cache_write REAL,
  cache_write_1h REAL,
  web_search REAL,  -- US dollars per search
  PRIMARY KEY (provider, model, context, since, above)
) WITHOUT ROWID;

CREATE VIEW v_unpriced AS  -- models without a known price, and what was spent on them; CASTs for DuckDB, as below
SELECT
  source,
  provider,
  model,
  CAST(count(*) AS INTEGER) AS messages,
  CAST(count(DISTINCT session_id) AS INTEGER) AS sessions,
  CAST(ifnull(sum(prompt_tokens), 0) AS INTEGER) AS prompt_tokens,
  CAST(ifnull(sum(completion_tokens), 0) AS INTEGER) AS completion_tokens,
  CAST(ifnull(sum(cache_read_tokens), 0) AS INTEGER) AS cache_read_tokens,
  CAST(ifnull(sum(cache_write_tokens), 0) AS INTEGER) AS cache_write_tokens,
  CAST(min(created_at) AS INTEGER) AS first_at,
  CAST(max(created_at) AS INTEGER) AS last_at
FROM messages WHERE cost_source = 'unknown' AND NOT copied GROUP BY provider, model, source;

-- How far the log was read, and what could not be used.

CREATE TABLE log_files (
  name TEXT PRIMARY KEY,
  "offset" INTEGER NOT NULL,  -- bytes read
  lines INTEGER NOT NULL,  -- lines read
  tail INTEGER  -- CRC of the last bytes read, to notice a replaced or truncated file; NULL: not noted
);

CREATE TABLE rejects (
  file TEXT NOT NULL,
  line INTEGER NOT NULL,
  "offset" INTEGER NOT NULL,
  field TEXT NOT NULL,  -- JSON path of the wrong value; empty for the complete line
  reason TEXT NOT NULL,
  PRIMARY KEY (file, "offset", field)
) WITHOUT ROWID;

CREATE TABLE ignored_values (  -- that do not fit their field and were left out; the rest of their lines was used
  file TEXT NOT NULL,
  line INTEGER NOT NULL,
  "offset" INTEGER NOT NULL,
  field TEXT NOT NULL,  -- JSON path
  reason TEXT NOT NULL,
  PRIMARY KEY (file, "offset", field)
) WITHOUT ROWID;

CREATE TABLE event_types (
  source TEXT NOT NULL,
  type TEXT NOT NULL,
  known INTEGER NOT NULL,  -- whether the adapter of the source knows the type
  events INTEGER NOT NULL,
  client_version TEXT NOT NULL,  -- that sent an unknown type; empty for known types, or where the event has none
  other_client TEXT NOT NULL,  -- name of the client that sent it, if another than the source's runs its hooks; else empty
  PRIMARY KEY (source, type, client_version, other_client)
) WITHOUT ROWID;

CREATE TABLE changes (  -- the last batch that touched a session; the search index and sync follow by it
  session_id TEXT PRIMARY KEY,
  batch INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX changes_by_batch ON changes (batch);

-- What the rows above are derived from. It is stored so that the order of events does not matter.

CREATE TABLE session_facts (  -- the best value so far of each property of a session: projector.model.batch.Fact
  session_id TEXT NOT NULL,
  name TEXT NOT NULL,
  rank INTEGER NOT NULL,
  at INTEGER NOT NULL,
  position INTEGER NOT NULL,
  value,
  PRIMARY KEY (session_id, name)
) WITHOUT ROWID;
CREATE INDEX session_links ON session_facts (value, name) WHERE name IN ('parent_id', 'forked_from', 'spawned_by');

CREATE TABLE hook_reports (  -- what hooks reported; a row in the tables above while the client's record lacks it
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL,
  source TEXT NOT NULL,
  kind TEXT NOT NULL,
  match_key TEXT NOT NULL,  -- equal for reports of the same thing: a digest of the text, or an error's type
  text TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  synthetic INTEGER NOT NULL,
  shown INTEGER  -- whether there is a row for it; NULL until that is decided
) WITHOUT ROWID;
CREATE INDEX hook_reports_by_session ON hook_reports (session_id, kind, match_key);
CREATE INDEX hook_reports_open ON hook_reports (session_id) WHERE shown IS NOT 0;

CREATE TABLE call_reports (  -- hooks' reports of tool calls without an id; a row in tools while the record lacks the call
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL,
  ended INTEGER NOT NULL,
  match_key TEXT NOT NULL,  -- equal for reports and the record of a call: projector.model.naming.call_key
  at INTEGER NOT NULL,
  "call" TEXT NOT NULL  -- JSON: projector.model.changes.ToolSeen
) WITHOUT ROWID;
CREATE INDEX call_reports_by_session ON call_reports (session_id);

CREATE TABLE history_marks (  -- where a client's record changed other than by a new message
  session_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  kind TEXT NOT NULL,  -- 'replaced', 'rewound', 'copied': projector.model.changes.HistoryMark
  at INTEGER,
  message TEXT,
  kept TEXT,  -- JSON: the messages that are still there
  PRIMARY KEY (session_id, position, kind)
) WITHOUT ROWID;

CREATE TABLE part_deltas (  -- streamed text of parts whose complete text has not come yet
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL,
  part_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  text TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX part_deltas_by_session ON part_deltas (session_id, part_id, position);

CREATE TABLE copies (  -- sessions whose records hold a copy of another session's message, error or compaction
  id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  origin TEXT,
  at INTEGER,
  copy_id TEXT,  -- the copy's own id, if it is not `id`
  PRIMARY KEY (session_id, id)
) WITHOUT ROWID;
CREATE INDEX copies_by_id ON copies (id);
CREATE INDEX copies_by_own_id ON copies (copy_id) WHERE copy_id IS NOT NULL;

CREATE TABLE prompts (  -- where prompts stand in the tree of a conversation; two under one parent: one was taken back
  session_id TEXT NOT NULL,
  id TEXT NOT NULL,
  parent_id TEXT NOT NULL,  -- empty for the beginning
  at INTEGER NOT NULL,
  PRIMARY KEY (session_id, id)
) WITHOUT ROWID;

CREATE TABLE steps (  -- of conversations whose messages follow from the order of lines: projector.model.changes.Step
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL,
  source TEXT NOT NULL,
  file TEXT NOT NULL,
  edition INTEGER NOT NULL,
  place INTEGER NOT NULL,
  kind TEXT NOT NULL,
  at INTEGER,
  turn TEXT,
  ref TEXT,
  value INTEGER,
  flag INTEGER NOT NULL,
  text TEXT,
  data TEXT
) WITHOUT ROWID;
CREATE INDEX steps_by_session ON steps (session_id);

CREATE TABLE request_usage (  -- where tokens are counted apart from the responses: projector.model.changes.UsageSeen
  id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  source TEXT NOT NULL,
  kind TEXT NOT NULL,
  at INTEGER,
  place INTEGER NOT NULL,
  owner TEXT NOT NULL,
  call TEXT,
  message TEXT,
  usage TEXT,
  PRIMARY KEY (session_id, id)
) WITHOUT ROWID;
CREATE TABLE response_lines (  -- that are about a response by their place: projector.model.changes.ResponseLine
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL,
  source TEXT NOT NULL,
  place INTEGER NOT NULL,
  kind TEXT NOT NULL,
  at INTEGER,
  message TEXT,
  model TEXT,
  provider TEXT,
  beside INTEGER NOT NULL,
  spent TEXT,  -- JSON: projector.model.changes.Spent
  count INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX response_lines_by_session ON response_lines (session_id, place);

CREATE TABLE untimed_messages (  -- whose events have no time, and the times of their sessions around them in the log
  session_id TEXT NOT NULL,
  message_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  before INTEGER,
  after INTEGER,
  PRIMARY KEY (session_id, message_id)
) WITHOUT ROWID;

CREATE TABLE copied_tools (  -- calls in what a file copied from another session, where they count: columns of tools
  id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  message_id TEXT,
  tool_name TEXT,
  call_id TEXT,
  title TEXT,
  file_path TEXT,
  edits_file INTEGER NOT NULL,
  edited_files TEXT,
  status TEXT,
  success INTEGER,
  exit_code INTEGER,
  duration_ms INTEGER,
  created_at INTEGER,
  completed_at INTEGER,
  source TEXT NOT NULL,
  model TEXT,
  open_rank INTEGER NOT NULL,
  close_rank INTEGER NOT NULL,
  error_message TEXT,
  tool_input TEXT,
  tool_output TEXT,
  PRIMARY KEY (session_id, id)
) WITHOUT ROWID;

CREATE TABLE saved_outputs (  -- long outputs of tools that the client keeps in files beside its record
  session_id TEXT NOT NULL,
  name TEXT NOT NULL,  -- of the file
  tool_id TEXT,  -- the call that it belongs to
  text TEXT,
  PRIMARY KEY (session_id, name)
) WITHOUT ROWID;
CREATE INDEX saved_outputs_by_tool ON saved_outputs (tool_id);

CREATE TABLE bills (  -- what a session has cost so far, each time the client reported it
  session_id TEXT NOT NULL,
  cost REAL NOT NULL,
  output_tokens INTEGER NOT NULL,
  usage TEXT,  -- JSON: counts by model (projector.model.changes.BillSeen)
  PRIMARY KEY (session_id, cost, output_tokens)
) WITHOUT ROWID;

CREATE TABLE activity (  -- what `stats` adds up: a session's messages by quarter of an hour and model
  session_id TEXT NOT NULL REFERENCES sessions (id),
  position INTEGER NOT NULL,  -- by time; last, what no message holds
  begin INTEGER,  -- of the quarter of an hour
  model TEXT,  -- the messages', else the session's
  subagent INTEGER NOT NULL,  -- the session has a parent
  messages INTEGER NOT NULL,
  turns INTEGER NOT NULL,  -- prompts that a person typed and did not take back
  prompt_tokens INTEGER NOT NULL,
  completion_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  cache_read_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  cost REAL,  -- its share of the session's or the parent's cost; NULL if that is not known
  cost_split REAL,  -- the part of it that is an estimate
  unpriced_messages INTEGER NOT NULL,  -- that used tokens and have no known cost
  cost_rate REAL,  -- share per dollar of a message's own cost,
  token_rate REAL,  -- plus dollars per unit of its token weight: projector.derived.activity
  PRIMARY KEY (session_id, position)
) WITHOUT ROWID;

-- Views for sqlite3, DuckDB and Datasette: README, "Ask it yourself". Days and times of day are local. CAST gives a
-- column its type, which DuckDB needs.

CREATE VIEW v_daily AS  -- one row per day and harness
WITH happened (at, session_id, prompts, answers, tool_calls, failed_calls, errors, prompt_tokens, completion_tokens,
  reasoning_tokens, cache_read_tokens, cache_write_tokens, cost) AS (
  SELECT created_at, session_id, role = 'user' AND NOT synthetic AND deleted_at IS NULL, role = 'assistant' AND NOT synthetic, 0, 0, 0,
    prompt_tokens, completion_tokens, reasoning_tokens, cache_read_tokens, cache_write_tokens, NULL
  FROM messages WHERE NOT copied
  UNION ALL SELECT created_at, session_id, 0, 0, 1, success IS 0, 0, 0, 0, 0, 0, 0, NULL FROM tools
  UNION ALL SELECT created_at, session_id, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, NULL FROM session_errors WHERE NOT will_retry
  UNION ALL SELECT created_at, id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, cost FROM sessions
)
SELECT
  CAST(date(h.at / 1000, 'unixepoch', 'localtime') AS TEXT) AS day,
  s.source,
  CAST(count(DISTINCT iif(s.parent_id IS NULL, s.id, NULL)) AS INTEGER) AS sessions,  -- with activity that day
  CAST(count(DISTINCT iif(s.parent_id IS NULL, NULL, s.id)) AS INTEGER) AS subagents,
  CAST(sum(h.prompts AND s.parent_id IS NULL) AS INTEGER) AS prompts,  -- that a person typed and did not take back
  CAST(sum(h.answers) AS INTEGER) AS answers,
  CAST(sum(h.tool_calls) AS INTEGER) AS tool_calls,
  CAST(sum(h.failed_calls) AS INTEGER) AS failed_calls,
  CAST(sum(h.errors) AS INTEGER) AS errors,
  CAST(ifnull(sum(h.prompt_tokens), 0) AS INTEGER) AS prompt_tokens,
  CAST(ifnull(sum(h.completion_tokens), 0) AS INTEGER) AS completion_tokens,
  CAST(ifnull(sum(h.reasoning_tokens), 0) AS INTEGER) AS reasoning_tokens,
  CAST(ifnull(sum(h.cache_read_tokens), 0) AS INTEGER) AS cache_read_tokens,
  CAST(ifnull(sum(h.cache_write_tokens), 0) AS INTEGER) AS cache_write_tokens,
  CAST(sum(h.cost) AS REAL) AS cost  -- of the sessions that began that day
FROM happened AS h JOIN sessions AS s ON s.id = h.session_id
GROUP BY 1, 2;

CREATE VIEW v_sessions AS  -- one row per session; subagents have a parent_id
SELECT
  s.id,
  s.source,
  s.title,
  s.project_name,
  s.project_path,
  s.model,
  s.agent,
  s.parent_id,
  CAST(datetime(s.created_at / 1000, 'unixepoch', 'localtime') AS TEXT) AS started,
  CAST(datetime(s.updated_at / 1000, 'unixepoch', 'localtime') AS TEXT) AS last_active,
  CAST(round((s.updated_at - s.created_at) / 60000.0, 1) AS REAL) AS minutes,
  CAST(iif(s.parent_id IS NULL, (SELECT count(*) FROM messages AS m
    WHERE m.session_id = s.id AND m.role = 'user' AND NOT m.synthetic AND NOT m.copied AND m.deleted_at IS NULL), 0) AS INTEGER) AS prompts,
  CAST((SELECT count(*) FROM messages AS m
    WHERE m.session_id = s.id AND m.role = 'assistant' AND NOT m.synthetic AND NOT m.copied) AS INTEGER) AS answers,
  s.tool_call_count AS tool_calls,
  CAST((SELECT count(*) FROM tools AS t WHERE t.session_id = s.id AND t.success = 0) AS INTEGER) AS failed_calls,
  s.error_count AS errors,
  CAST((SELECT count(*) FROM sessions AS c WHERE c.parent_id = s.id AND c.parent_id IS NOT NULL) AS INTEGER) AS subagents,
  s.prompt_tokens,
  s.completion_tokens,
  s.reasoning_tokens,
  s.cache_read_tokens,
  s.cache_write_tokens,
  s.cost
FROM sessions AS s;

CREATE VIEW v_tools AS  -- one row per day, harness, project and tool
SELECT
  CAST(date(t.created_at / 1000, 'unixepoch', 'localtime') AS TEXT) AS day,
  s.source,
  s.project_name,
  t.tool_name,
  CAST(count(*) AS INTEGER) AS calls,
  CAST(sum(t.success IS 0) AS INTEGER) AS failed,
  CAST(sum(t.success IS NULL) AS INTEGER) AS unfinished,
  CAST(sum(t.duration_ms) AS INTEGER) AS total_ms,
  CAST(max(t.duration_ms) AS INTEGER) AS longest_ms
FROM tools AS t JOIN sessions AS s ON s.id = t.session_id
GROUP BY 1, 2, 3, 4;

CREATE VIEW v_files AS  -- one row per edited file and project
SELECT
  e.file_path,
  s.project_name,
  CAST(count(*) AS INTEGER) AS edits,
  CAST(count(DISTINCT e.session_id) AS INTEGER) AS sessions,
  CAST(datetime(min(e.edited_at) / 1000, 'unixepoch', 'localtime') AS TEXT) AS first_edited,
  CAST(datetime(max(e.edited_at) / 1000, 'unixepoch', 'localtime') AS TEXT) AS last_edited
FROM file_edits AS e JOIN sessions AS s ON s.id = e.session_id
GROUP BY 1, 2;
