BEGIN TRANSACTION;
CREATE TABLE async_delegations (
    delegation_id TEXT PRIMARY KEY,
    origin_session TEXT NOT NULL,
    origin_ui_session_id TEXT NOT NULL DEFAULT '',
    parent_session_id TEXT,
    state TEXT NOT NULL,
    dispatched_at REAL NOT NULL,
    completed_at REAL,
    updated_at REAL NOT NULL,
    event_json TEXT,
    result_json TEXT,
    delivery_state TEXT NOT NULL DEFAULT 'pending',
    delivery_attempts INTEGER NOT NULL DEFAULT 0,
    delivered_at REAL,
    owner_pid INTEGER,
    owner_started_at INTEGER,
    task_json TEXT,
    delivery_claim TEXT,
    delivery_claimed_at REAL
);
INSERT INTO "async_delegations" VALUES('deleg_ea920155','20261127_192844_ae07d7','','20261127_192844_ae07d7','completed',1.79580773304882502549e+09,1.79580773659737634659e+09,1.79580773659748053547e+09,'{"type": "async_delegation", "delegation_id": "deleg_ea920155", "session_key": "20261127_192844_ae07d7", "origin_ui_session_id": "", "parent_session_id": "20261127_192844_ae07d7", "goal": "Look around please [[S:child]]", "goals": ["Look around please [[S:child]]"], "context": null, "toolsets": null, "role": "leaf", "model": null, "status": "completed", "is_batch": true, "results": [{"task_index": 0, "status": "completed", "summary": "Child result: nothing here.", "api_calls": 2, "duration_seconds": 3.27, "model": "mock-1", "exit_reason": "completed", "tokens": {"input": 2416, "output": 108}, "tool_trace": [{"tool": "terminal", "args_bytes": 30, "result_bytes": 55, "status": "ok"}], "live_transcript": "/home/dev/.hermes/cache/delegation/live/deleg_ea920155/task-0.log"}], "live_transcripts": ["/home/dev/.hermes/cache/delegation/live/deleg_ea920155/task-0.log"], "error": null, "total_duration_seconds": 3.82, "dispatched_at": 1795807733.048825, "completed_at": 1795807736.5973763}','{"results": [{"task_index": 0, "status": "completed", "summary": "Child result: nothing here.", "api_calls": 2, "duration_seconds": 3.27, "model": "mock-1", "exit_reason": "completed", "tokens": {"input": 2416, "output": 108}, "tool_trace": [{"tool": "terminal", "args_bytes": 30, "result_bytes": 55, "status": "ok"}], "live_transcript": "/home/dev/.hermes/cache/delegation/live/deleg_ea920155/task-0.log"}], "total_duration_seconds": 3.82, "live_transcripts": ["/home/dev/.hermes/cache/delegation/live/deleg_ea920155/task-0.log"]}','pending',0,NULL,22,233100,'{"goal": "Look around please [[S:child]]", "goals": ["Look around please [[S:child]]"], "context": null, "toolsets": null, "role": "leaf", "model": null, "is_batch": true}',NULL,NULL);
CREATE TABLE compression_locks (
    session_id TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    acquired_at REAL NOT NULL,
    expires_at REAL NOT NULL
);
CREATE TABLE gateway_routing (
    scope TEXT NOT NULL DEFAULT '',
    session_key TEXT NOT NULL,
    entry_json TEXT NOT NULL,
    updated_at REAL NOT NULL,
    PRIMARY KEY (scope, session_key)
);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL REFERENCES sessions(id),
    role TEXT NOT NULL,
    content TEXT,
    tool_call_id TEXT,
    tool_calls TEXT,
    tool_name TEXT,
    effect_disposition TEXT,
    timestamp REAL NOT NULL,
    token_count INTEGER,
    finish_reason TEXT,
    reasoning TEXT,
    reasoning_content TEXT,
    reasoning_details TEXT,
    codex_reasoning_items TEXT,
    codex_message_items TEXT,
    platform_message_id TEXT,
    observed INTEGER DEFAULT 0,
    active INTEGER NOT NULL DEFAULT 1,
    compacted INTEGER NOT NULL DEFAULT 0,
    api_content TEXT
);
INSERT INTO "messages" VALUES(1,'20261127_192844_ae07d7','user','use a helper [[S:sub]]',NULL,NULL,NULL,NULL,1.79580773187548279768e+09,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(2,'20261127_192844_ae07d7','assistant','Spawning.',NULL,'[{"id": "call_0010sub", "call_id": "call_0010sub", "response_item_id": "fc_0010sub", "type": "function", "function": {"name": "delegate_task", "arguments": "{\"goal\": \"Look around please [[S:child]]\", \"background\": false}"}}]',NULL,NULL,1.79580773267591619494e+09,NULL,'tool_calls',NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(3,'20261127_192844_ae07d7','tool','{"status": "dispatched", "mode": "background", "count": 1, "delegation_id": "deleg_ea920155", "goals": ["Look around please [[S:child]]"], "note": "Subagent is running in the background. You and the user can keep working; its full result re-enters the conversation as a new message when it finishes. Do not wait or poll — just continue.", "live_transcripts": ["/home/dev/.hermes/cache/delegation/live/deleg_ea920155/task-0.log"], "live_transcripts_hint": "Each subagent streams a human-readable transcript of its operations to the file listed above (append-only, one per task). Read or `tail -f` these paths at any time to watch a child work while it runs."}','call_0010sub',NULL,'delegate_task',NULL,1.79580773327856206894e+09,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(4,'20261127_192852_406ea1','user','Look around please [[S:child]]',NULL,NULL,NULL,NULL,1.79580773358917307851e+09,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(5,'20261127_192844_ae07d7','assistant','',NULL,'[{"id": "call_0020child", "call_id": "call_0020child", "response_item_id": "fc_0020child", "type": "function", "function": {"name": "terminal", "arguments": "{\"command\": \"echo from-child\"}"}}]',NULL,NULL,1795807734.03399,NULL,'tool_calls',NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(6,'20261127_192852_406ea1','assistant','',NULL,'[{"id": "call_0030child", "call_id": "call_0030child", "response_item_id": "fc_0030child", "type": "function", "function": {"name": "terminal", "arguments": "{\"command\": \"echo from-child\"}"}}]',NULL,NULL,1.79580773420090222358e+09,NULL,'tool_calls',NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(7,'20261127_192844_ae07d7','tool','{"output": "from-child", "exit_code": 0, "error": null}','call_0020child',NULL,'terminal',NULL,1.79580773461831712722e+09,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(8,'20261127_192852_406ea1','tool','{"output": "from-child", "exit_code": 0, "error": null}','call_0030child',NULL,'terminal',NULL,1.79580773467436599728e+09,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(9,'20261127_192844_ae07d7','assistant','Child result: nothing here.',NULL,NULL,NULL,NULL,1.79580773557189083094e+09,NULL,'stop',NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(10,'20261127_192852_406ea1','assistant','Child result: nothing here.',NULL,NULL,NULL,NULL,1.79580773579885649682e+09,NULL,'stop',NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
CREATE TABLE schema_version (
    version INTEGER NOT NULL
);
INSERT INTO "schema_version" VALUES(22);
CREATE TABLE session_model_usage (
    session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    billing_provider TEXT NOT NULL DEFAULT '',
    billing_base_url TEXT NOT NULL DEFAULT '',
    billing_mode TEXT NOT NULL DEFAULT '',
    task TEXT NOT NULL DEFAULT '',
    api_call_count INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cache_read_tokens INTEGER NOT NULL DEFAULT 0,
    cache_write_tokens INTEGER NOT NULL DEFAULT 0,
    reasoning_tokens INTEGER NOT NULL DEFAULT 0,
    estimated_cost_usd REAL NOT NULL DEFAULT 0,
    actual_cost_usd REAL NOT NULL DEFAULT 0,
    cost_status TEXT,
    cost_source TEXT,
    first_seen REAL,
    last_seen REAL,
    PRIMARY KEY (session_id, model, billing_provider, billing_base_url, billing_mode, task)
);
INSERT INTO "session_model_usage" VALUES('20261127_192844_ae07d7','mock-1','custom','http://127.0.0.1:18100/v1','','',3,3007,157,607,0,0,0.0,0.0,'unknown','none',1.79580773257553744318e+09,1.79580773526615476614e+09);
INSERT INTO "session_model_usage" VALUES('20261127_192852_406ea1','mock-1','custom','http://127.0.0.1:18100/v1','','',2,2008,108,408,0,0,0.0,0.0,'unknown','none',1.79580773406197881695e+09,1.7958077354976022243e+09);
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    user_id TEXT,
    session_key TEXT,
    chat_id TEXT,
    chat_type TEXT,
    thread_id TEXT,
    display_name TEXT,
    origin_json TEXT,
    expiry_finalized INTEGER DEFAULT 0,
    model TEXT,
    model_config TEXT,
    system_prompt TEXT,
    parent_session_id TEXT,
    started_at REAL NOT NULL,
    ended_at REAL,
    end_reason TEXT,
    message_count INTEGER DEFAULT 0,
    tool_call_count INTEGER DEFAULT 0,
    input_tokens INTEGER DEFAULT 0,
    output_tokens INTEGER DEFAULT 0,
    cache_read_tokens INTEGER DEFAULT 0,
    cache_write_tokens INTEGER DEFAULT 0,
    reasoning_tokens INTEGER DEFAULT 0,
    cwd TEXT,
    git_branch TEXT,
    git_repo_root TEXT,
    billing_provider TEXT,
    billing_base_url TEXT,
    billing_mode TEXT,
    estimated_cost_usd REAL,
    actual_cost_usd REAL,
    cost_status TEXT,
    cost_source TEXT,
    pricing_version TEXT,
    title TEXT,
    api_call_count INTEGER DEFAULT 0,
    handoff_state TEXT,
    handoff_platform TEXT,
    handoff_error TEXT,
    compression_failure_cooldown_until REAL,
    compression_failure_error TEXT,
    compression_fallback_streak INTEGER NOT NULL DEFAULT 0,
    profile_name TEXT,
    rewind_count INTEGER NOT NULL DEFAULT 0,
    archived INTEGER NOT NULL DEFAULT 0,
    FOREIGN KEY (parent_session_id) REFERENCES sessions(id)
);
INSERT INTO "sessions" VALUES('20261127_192844_ae07d7','cli',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,'mock-1','{"max_iterations": 90, "reasoning_config": null, "max_tokens": null}','(elided)',NULL,1.7958077317982978821e+09,NULL,NULL,6,2,3007,157,607,0,0,'/home/dev/src/sub',NULL,NULL,'custom','http://127.0.0.1:18100/v1',NULL,0.0,NULL,'unknown','none',NULL,NULL,3,NULL,NULL,NULL,NULL,NULL,0,NULL,0,0);
INSERT INTO "sessions" VALUES('20261127_192852_406ea1','subagent',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,'mock-1','{"max_iterations": 50, "reasoning_config": null, "max_tokens": null, "_delegate_from": "20261127_192844_ae07d7"}','(elided)','20261127_192844_ae07d7',1.79580773331111717226e+09,1.79580773633504176141e+09,'agent_close',4,1,2008,108,408,0,0,NULL,NULL,NULL,'custom','http://127.0.0.1:18100/v1',NULL,0.0,NULL,'unknown','none',NULL,NULL,2,NULL,NULL,NULL,NULL,NULL,0,NULL,0,0);
CREATE TABLE state_meta (
    key TEXT PRIMARY KEY,
    value TEXT
);
INSERT INTO "state_meta" VALUES('ghost_session_prune_v1','1');
INSERT INTO "state_meta" VALUES('orphaned_compression_finalize_v1','1');
CREATE UNIQUE INDEX idx_sessions_title_unique ON sessions(title) WHERE title IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('messages',10);
COMMIT;
