BEGIN TRANSACTION;
CREATE TABLE `message` (
          `id` text PRIMARY KEY,
          `session_id` text NOT NULL,
          `time_created` integer NOT NULL,
          `time_updated` integer NOT NULL,
          `data` text NOT NULL,
          CONSTRAINT `fk_message_session_id_session_id_fk` FOREIGN KEY (`session_id`) REFERENCES `session`(`id`) ON DELETE CASCADE
        );
INSERT INTO "message" VALUES('msg_21e724617001piCzUTDhERg9f3','ses_de18dd502ffeYV14cTlWk2MMqO',1795807135255,1795807138357,'{"role":"user","time":{"created":1795807135255},"agent":"code","model":{"providerID":"mock","modelID":"mock-1"},"summary":{"diffs":[]}}');
INSERT INTO "message" VALUES('msg_21e724c720017v2zLNXT3KHFQb','ses_de18dd502ffeYV14cTlWk2MMqO',1795807136883,1795807139510,'{"parentID":"msg_21e724617001piCzUTDhERg9f3","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/plain","root":"/home/dev/src/plain"},"cost":0.0038283,"tokens":{"total":1253,"input":1001,"output":46,"reasoning":5,"cache":{"write":0,"read":201}},"modelID":"mock-1","providerID":"mock","time":{"created":1795807136883,"completed":1795807139507},"finish":"stop"}');
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
INSERT INTO "part" VALUES('prt_21e7246be001JAaBXvhGPkPoEJ','msg_21e724617001piCzUTDhERg9f3','ses_de18dd502ffeYV14cTlWk2MMqO',1795807135428,1795807135434,'{"type":"text","text":"\"say hello [[S:plain]]\""}');
INSERT INTO "part" VALUES('prt_21e7252cf00191M7MfuIDP8qtN','msg_21e724c720017v2zLNXT3KHFQb','ses_de18dd502ffeYV14cTlWk2MMqO',1795807138513,1795807138515,'{"snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-start","time":{"start":1795807138510}}');
INSERT INTO "part" VALUES('prt_21e7252e3001hsek3RwOU8dAPT','msg_21e724c720017v2zLNXT3KHFQb','ses_de18dd502ffeYV14cTlWk2MMqO',1795807138531,1795807138551,'{"type":"reasoning","text":"A short thought.","time":{"start":1795807138531,"end":1795807138550}}');
INSERT INTO "part" VALUES('prt_21e72531700123tH3rGgCpmMtl','msg_21e724c720017v2zLNXT3KHFQb','ses_de18dd502ffeYV14cTlWk2MMqO',1795807138584,1795807138623,'{"type":"text","text":"Hello from the mock. Grüße, 日本語 ✓.","time":{"start":1795807138583,"end":1795807138621}}');
INSERT INTO "part" VALUES('prt_21e72557e0012sY9yn8RXXhQNO','msg_21e724c720017v2zLNXT3KHFQb','ses_de18dd502ffeYV14cTlWk2MMqO',1795807139199,1795807139203,'{"reason":"stop","snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-finish","time":{"start":1795807138510,"end":1795807139187,"elapsed":676},"metrics":{"generation":75.44378698224853,"source":"computed"},"tokens":{"total":1253,"input":1001,"output":46,"reasoning":5,"cache":{"write":0,"read":201}},"cost":0.0038283}');
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
INSERT INTO "project" VALUES('f118137e89eb11bb0833854ffea5ce7dbc535140','/home/dev/src/plain','git',NULL,NULL,NULL,NULL,1795807126855,1795807126855,NULL,'[]',NULL);
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
INSERT INTO "session" VALUES('ses_de18dd502ffeYV14cTlWk2MMqO','f118137e89eb11bb0833854ffea5ce7dbc535140',NULL,NULL,'misty-harbor','/home/dev/src/plain','','New session - 2026-11-27T19:18:48.321Z','7.7.9',NULL,0,0,0,NULL,NULL,0.0038283,1001,46,5,201,0,NULL,'[{"permission":"question","pattern":"*","action":"deny"},{"permission":"suggest","pattern":"*","action":"deny"},{"permission":"plan_enter","pattern":"*","action":"deny"},{"permission":"plan_exit","pattern":"*","action":"deny"}]','code','{"id":"mock-1","providerID":"mock","variant":"default"}',1795807128321,1795807138342,NULL,NULL);
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
