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
INSERT INTO "messages" VALUES(1,'20261127_192649_d4b9ce','user','try things [[S:fail]]',NULL,NULL,NULL,NULL,1.79580761701084136959e+09,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(2,'20261127_192649_d4b9ce','assistant','',NULL,'[{"id": "call_0010fail", "call_id": "call_0010fail", "response_item_id": "fc_0010fail", "type": "function", "function": {"name": "terminal", "arguments": "{\"command\": \"echo out; echo bad >&2; exit 3\"}"}}]',NULL,NULL,1.79580761842716789245e+09,NULL,'tool_calls',NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(3,'20261127_192649_d4b9ce','tool','{"output": "out\nbad", "exit_code": 3, "error": null}','call_0010fail',NULL,'terminal',NULL,1.79580761869813513749e+09,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(4,'20261127_192649_d4b9ce','assistant','',NULL,'[{"id": "call_0020fail", "call_id": "call_0020fail", "response_item_id": "fc_0020fail", "type": "function", "function": {"name": "read_file", "arguments": "{\"path\": \"/home/dev/src/fail/missing.txt\"}"}}]',NULL,NULL,1.79580761909219741826e+09,NULL,'tool_calls',NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(5,'20261127_192649_d4b9ce','tool','{"content": "", "total_lines": 0, "file_size": 0, "truncated": false, "is_binary": false, "is_image": false, "error": "File not found: /home/dev/src/fail/missing.txt"}','call_0020fail',NULL,'read_file',NULL,1.79580761949453878399e+09,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(6,'20261127_192649_d4b9ce','assistant','',NULL,'[{"id": "call_0030fail", "call_id": "call_0030fail", "response_item_id": "fc_0030fail", "type": "function", "function": {"name": "nosuchtool", "arguments": "{\"x\": 1}"}}]',NULL,NULL,1.79580762052718615534e+09,NULL,'tool_calls',NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(7,'20261127_192649_d4b9ce','tool','Tool ''nosuchtool'' does not exist. Available tools: browser_back, browser_click, browser_console, browser_get_images, browser_navigate, browser_press, browser_scroll, browser_snapshot, browser_type, browser_vision, clarify, cronjob, delegate_task, execute_code, memory, patch, process, read_file, search_files, session_search, skill_manage, skill_view, skills_list, terminal, todo, vision_analyze, write_file','call_0030fail',NULL,NULL,NULL,1.79580762054966092114e+09,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(8,'20261127_192649_d4b9ce','assistant','Two at once:',NULL,'[{"id": "call_0040fail", "call_id": "call_0040fail", "response_item_id": "fc_0040fail", "type": "function", "function": {"name": "terminal", "arguments": "{\"command\": \"sleep 0.3; echo one\"}"}}, {"id": "call_0041fail", "call_id": "call_0041fail", "response_item_id": "fc_0041fail", "type": "function", "function": {"name": "terminal", "arguments": "{\"command\": \"echo two\"}"}}]',NULL,NULL,1.79580762055690717699e+09,NULL,'tool_calls',NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(9,'20261127_192649_d4b9ce','tool','{"output": "one", "exit_code": 0, "error": null}','call_0040fail',NULL,'terminal',NULL,1.79580762118260622026e+09,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(10,'20261127_192649_d4b9ce','tool','{"output": "two", "exit_code": 0, "error": null}','call_0041fail',NULL,'terminal',NULL,1.79580762250788545609e+09,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
INSERT INTO "messages" VALUES(11,'20261127_192649_d4b9ce','assistant','Some failed.',NULL,NULL,NULL,NULL,1.79580762303202295308e+09,NULL,'stop',NULL,NULL,NULL,NULL,NULL,NULL,0,1,0,NULL);
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
INSERT INTO "session_model_usage" VALUES('20261127_192649_d4b9ce','mock-1','custom','http://127.0.0.1:18100/v1','','',5,5015,265,1015,0,0,0.0,0.0,'unknown','none',1.79580761825384855267e+09,1.79580762291825032231e+09);
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
INSERT INTO "sessions" VALUES('20261127_192649_d4b9ce','cli',NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,'mock-1','{"max_iterations": 90, "reasoning_config": null, "max_tokens": null}','(elided)',NULL,1.79580761688375401497e+09,NULL,NULL,11,5,5015,265,1015,0,0,'/home/dev/src/fail',NULL,NULL,'custom','http://127.0.0.1:18100/v1',NULL,0.0,NULL,'unknown','none',NULL,NULL,5,NULL,NULL,NULL,NULL,NULL,0,NULL,0,0);
CREATE TABLE state_meta (
    key TEXT PRIMARY KEY,
    value TEXT
);
INSERT INTO "state_meta" VALUES('ghost_session_prune_v1','1');
INSERT INTO "state_meta" VALUES('orphaned_compression_finalize_v1','1');
CREATE UNIQUE INDEX idx_sessions_title_unique ON sessions(title) WHERE title IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('messages',11);
COMMIT;
