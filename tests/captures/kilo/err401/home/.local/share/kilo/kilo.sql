BEGIN TRANSACTION;
CREATE TABLE `message` (
          `id` text PRIMARY KEY,
          `session_id` text NOT NULL,
          `time_created` integer NOT NULL,
          `time_updated` integer NOT NULL,
          `data` text NOT NULL,
          CONSTRAINT `fk_message_session_id_session_id_fk` FOREIGN KEY (`session_id`) REFERENCES `session`(`id`) ON DELETE CASCADE
        );
INSERT INTO "message" VALUES('msg_21e750260001rLdHlCRN404YXi','ses_de18b1a0fffe0XTNQDBvaDP0Mr',1795807314528,1795807321002,'{"role":"user","time":{"created":1795807314528},"agent":"code","model":{"providerID":"mock","modelID":"mock-1"},"summary":{"diffs":[]}}');
INSERT INTO "message" VALUES('msg_21e75130d001SgUOK9dujnTZxf','ses_de18b1a0fffe0XTNQDBvaDP0Mr',1795807318797,1795807321284,'{"parentID":"msg_21e750260001rLdHlCRN404YXi","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/err401","root":"/home/dev/src/err401"},"cost":0,"tokens":{"input":0,"output":0,"reasoning":0,"cache":{"read":0,"write":0}},"modelID":"mock-1","providerID":"mock","time":{"created":1795807318797,"completed":1795807321281},"error":{"name":"APIError","data":{"message":"Incorrect API key provided.","statusCode":401,"isRetryable":false,"responseHeaders":{"content-length":"107","content-type":"application/json","date":"Fri, 27 Nov 2026 19:22:00 GMT","server":"BaseHTTP/0.6 Python/3.11.2"},"responseBody":"{\"error\": {\"message\": \"Incorrect API key provided.\", \"type\": \"invalid_api_key\", \"code\": \"invalid_api_key\"}}","metadata":{"url":"http://127.0.0.1:18100/v1/chat/completions"}}}}');
CREATE TABLE "migration" (id TEXT PRIMARY KEY, time_completed INTEGER NOT NULL);
CREATE TABLE `part` (
          `id` text PRIMARY KEY,
          `message_id` text NOT NULL,
          `session_id` text NOT NULL,
          `time_created` integer NOT NULL,
          `time_updated` integer NOT NULL,
          `data` text NOT NULL,
          CONSTRAINT `fk_part_message_id_message_id_fk` FOREIGN KEY (`message_id`) REFERENCES `message`(`id`) ON DELETE CASCADE
        );
INSERT INTO "part" VALUES('prt_21e750a2a001sGTpDpMFA1eN3q','msg_21e750260001rLdHlCRN404YXi','ses_de18b1a0fffe0XTNQDBvaDP0Mr',1795807316527,1795807316529,'{"type":"text","text":"\"hi [[S:err401]]\""}');
CREATE TABLE `project` (
          `id` text PRIMARY KEY,
          `worktree` text NOT NULL,
          `vcs` text,
          `name` text,
          `icon_url` text,
          `icon_url_override` text,
          `icon_color` text,
          `time_created` integer NOT NULL,
          `time_updated` integer NOT NULL,
          `time_initialized` integer,
          `sandboxes` text NOT NULL,
          `commands` text
        );
INSERT INTO "project" VALUES('fb57c2839c6934d1372396d42fe3cfc48bd15840','/home/dev/src/err401','git',NULL,NULL,NULL,NULL,1795807304763,1795807304763,NULL,'[]',NULL);
CREATE TABLE `session` (
          `id` text PRIMARY KEY,
          `project_id` text NOT NULL,
          `workspace_id` text,
          `parent_id` text,
          `slug` text NOT NULL,
          `directory` text NOT NULL,
          `path` text,
          `title` text NOT NULL,
          `version` text NOT NULL,
          `share_url` text,
          `summary_additions` integer,
          `summary_deletions` integer,
          `summary_files` integer,
          `summary_diffs` text,
          `metadata` text,
          `cost` real DEFAULT 0 NOT NULL,
          `tokens_input` integer DEFAULT 0 NOT NULL,
          `tokens_output` integer DEFAULT 0 NOT NULL,
          `tokens_reasoning` integer DEFAULT 0 NOT NULL,
          `tokens_cache_read` integer DEFAULT 0 NOT NULL,
          `tokens_cache_write` integer DEFAULT 0 NOT NULL,
          `revert` text,
          `permission` text,
          `agent` text,
          `model` text,
          `time_created` integer NOT NULL,
          `time_updated` integer NOT NULL,
          `time_compacting` integer,
          `time_archived` integer,
          CONSTRAINT `fk_session_project_id_project_id_fk` FOREIGN KEY (`project_id`) REFERENCES `project`(`id`) ON DELETE CASCADE
        );
INSERT INTO "session" VALUES('ses_de18b1a0fffe0XTNQDBvaDP0Mr','fb57c2839c6934d1372396d42fe3cfc48bd15840',NULL,NULL,'curious-comet','/home/dev/src/err401','','New session - 2026-11-27T19:21:47.248Z','7.7.9',NULL,0,0,0,NULL,NULL,0.0,0,0,0,0,0,NULL,'[{"permission":"question","pattern":"*","action":"deny"},{"permission":"suggest","pattern":"*","action":"deny"},{"permission":"plan_enter","pattern":"*","action":"deny"},{"permission":"plan_exit","pattern":"*","action":"deny"}]','code','{"id":"mock-1","providerID":"mock","variant":"default"}',1795807307248,1795807320786,NULL,NULL);
CREATE TABLE `session_message` (
          `id` text PRIMARY KEY,
          `session_id` text NOT NULL,
          `type` text NOT NULL,
          `seq` integer,
          `time_created` integer NOT NULL,
          `time_updated` integer NOT NULL,
          `data` text NOT NULL,
          CONSTRAINT `fk_session_message_session_id_session_id_fk` FOREIGN KEY (`session_id`) REFERENCES `session`(`id`) ON DELETE CASCADE
        );
CREATE TABLE `todo` (
          `session_id` text NOT NULL,
          `content` text NOT NULL,
          `status` text NOT NULL,
          `priority` text NOT NULL,
          `position` integer NOT NULL,
          `time_created` integer NOT NULL,
          `time_updated` integer NOT NULL,
          CONSTRAINT `todo_pk` PRIMARY KEY(`session_id`, `position`),
          CONSTRAINT `fk_todo_session_id_session_id_fk` FOREIGN KEY (`session_id`) REFERENCES `session`(`id`) ON DELETE CASCADE
        );
CREATE UNIQUE INDEX `session_message_session_seq_idx` ON `session_message` (`session_id`,`seq`);
COMMIT;
