BEGIN TRANSACTION;
CREATE TABLE `message` (
          `id` text PRIMARY KEY,
          `session_id` text NOT NULL,
          `time_created` integer NOT NULL,
          `time_updated` integer NOT NULL,
          `data` text NOT NULL,
          CONSTRAINT `fk_message_session_id_session_id_fk` FOREIGN KEY (`session_id`) REFERENCES `session`(`id`) ON DELETE CASCADE
        );
INSERT INTO "message" VALUES('msg_21e7de54f001jOoURsPjsrRk8V','ses_de182640cffelrHk8kWRp2juIC',1795807896911,1795807904533,'{"role":"user","time":{"created":1795807896911},"agent":"code","model":{"providerID":"mock","modelID":"mock-1"},"summary":{"diffs":[]}}');
INSERT INTO "message" VALUES('msg_21e7df3f70011FjASEjE27e6Dw','ses_de182640cffelrHk8kWRp2juIC',1795807900663,1795807906158,'{"parentID":"msg_21e7de54f001jOoURsPjsrRk8V","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/compact","root":"/home/dev/src/compact"},"cost":0.0038283,"tokens":{"total":1253,"input":1001,"output":51,"reasoning":0,"cache":{"write":0,"read":201}},"modelID":"mock-1","providerID":"mock","time":{"created":1795807900663,"completed":1795807906147},"finish":"stop"}');
INSERT INTO "message" VALUES('msg_21e7ed785001Iit09IaTeVXnkG','ses_de182640cffelrHk8kWRp2juIC',1795807958917,1795807959317,'{"role":"user","time":{"created":1795807958917},"agent":"code","model":{"providerID":"mock","modelID":"mock-1"}}');
INSERT INTO "message" VALUES('msg_21e7ee644001eB5MztwoGHm9UI','ses_de182640cffelrHk8kWRp2juIC',1795807962692,1795807965063,'{"role":"user","model":{"providerID":"mock","modelID":"mock-1"},"agent":"code","time":{"created":1795807962692},"summary":{"diffs":[]}}');
INSERT INTO "message" VALUES('msg_21e7ee6b4001jz2Ems7LRuvDmz','ses_de182640cffelrHk8kWRp2juIC',1795807962804,1795807964756,'{"role":"assistant","parentID":"msg_21e7ee644001eB5MztwoGHm9UI","mode":"compaction","agent":"compaction","summary":true,"path":{"cwd":"/home/dev/src/compact","root":"/home/dev/src/compact"},"cost":0.0038466,"tokens":{"total":1256,"input":1002,"output":52,"reasoning":0,"cache":{"write":0,"read":202}},"modelID":"mock-1","providerID":"mock","time":{"created":1795807962804,"completed":1795807964753},"finish":"stop"}');
INSERT INTO "message" VALUES('msg_21e7eee57001WiJS4Iqz7Xahcv','ses_de182640cffelrHk8kWRp2juIC',1795807964759,1795807964761,'{"role":"user","time":{"created":1795807964759},"agent":"code","model":{"providerID":"mock","modelID":"mock-1"}}');
INSERT INTO "message" VALUES('msg_21e7eee6b001FJYLjo02NUzb30','ses_de182640cffelrHk8kWRp2juIC',1795807964779,1795807968034,'{"parentID":"msg_21e7eee57001WiJS4Iqz7Xahcv","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/compact","root":"/home/dev/src/compact"},"cost":0.0038649,"tokens":{"total":1259,"input":1003,"output":53,"reasoning":0,"cache":{"write":0,"read":203}},"modelID":"mock-1","providerID":"mock","time":{"created":1795807964779,"completed":1795807968032},"finish":"stop"}');
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
INSERT INTO "part" VALUES('prt_21e7de588001MGdAVp0JY6pGct','msg_21e7de54f001jOoURsPjsrRk8V','ses_de182640cffelrHk8kWRp2juIC',1795807896977,1795807896979,'{"type":"text","text":"\"first [[S:long]]\""}');
INSERT INTO "part" VALUES('prt_21e7e07290013pp2j2p6qFqnt6','msg_21e7df3f70011FjASEjE27e6Dw','ses_de182640cffelrHk8kWRp2juIC',1795807905578,1795807905579,'{"snapshot":"dd7a8311f91f2c94898b6026e95f3c58757bd222","type":"step-start","time":{"start":1795807905577}}');
INSERT INTO "part" VALUES('prt_21e7e073d001l5Pjize6uZ1qww','msg_21e7df3f70011FjASEjE27e6Dw','ses_de182640cffelrHk8kWRp2juIC',1795807905609,1795807905728,'{"type":"text","text":"A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. A long answer. ","time":{"start":1795807905597,"end":1795807905712}}');
INSERT INTO "part" VALUES('prt_21e7e08b6001Cmij75X9N7QojM','msg_21e7df3f70011FjASEjE27e6Dw','ses_de182640cffelrHk8kWRp2juIC',1795807905974,1795807905976,'{"reason":"stop","snapshot":"dd7a8311f91f2c94898b6026e95f3c58757bd222","type":"step-finish","time":{"start":1795807905577,"end":1795807905972,"elapsed":395},"metrics":{"generation":129.1139240506329,"source":"computed"},"tokens":{"total":1253,"input":1001,"output":51,"reasoning":0,"cache":{"write":0,"read":201}},"cost":0.0038283}');
INSERT INTO "part" VALUES('prt_21e7ed8fc001oA803WK0Cz4wNu','msg_21e7ed785001Iit09IaTeVXnkG','ses_de182640cffelrHk8kWRp2juIC',1795807959329,1795807959376,'{"type":"text","text":"\"second [[S:second]]\""}');
INSERT INTO "part" VALUES('prt_21e7ee64c001yGsk5P18Sz8xzs','msg_21e7ee644001eB5MztwoGHm9UI','ses_de182640cffelrHk8kWRp2juIC',1795807962700,1795807962704,'{"type":"compaction","auto":true,"overflow":false}');
INSERT INTO "part" VALUES('prt_21e7eea9f001TEkAS30RhYP9eb','msg_21e7ee6b4001jz2Ems7LRuvDmz','ses_de182640cffelrHk8kWRp2juIC',1795807963807,1795807963834,'{"snapshot":"dd7a8311f91f2c94898b6026e95f3c58757bd222","type":"step-start","time":{"start":1795807963807}}');
INSERT INTO "part" VALUES('prt_21e7eead7001iazFKZ8Z1N98hL','msg_21e7ee6b4001jz2Ems7LRuvDmz','ses_de182640cffelrHk8kWRp2juIC',1795807963863,1795807963974,'{"type":"text","text":"Mock side answer","time":{"start":1795807963863,"end":1795807963960}}');
INSERT INTO "part" VALUES('prt_21e7eec40001EqpBRfjze4b1sp','msg_21e7ee6b4001jz2Ems7LRuvDmz','ses_de182640cffelrHk8kWRp2juIC',1795807964224,1795807964226,'{"reason":"stop","snapshot":"dd7a8311f91f2c94898b6026e95f3c58757bd222","type":"step-finish","time":{"start":1795807963807,"end":1795807964222,"elapsed":415},"metrics":{"generation":125.3012048192771,"source":"computed"},"tokens":{"total":1256,"input":1002,"output":52,"reasoning":0,"cache":{"write":0,"read":202}},"cost":0.0038466}');
INSERT INTO "part" VALUES('prt_21e7eee5b001BhKPwVJ3O3N34t','msg_21e7eee57001WiJS4Iqz7Xahcv','ses_de182640cffelrHk8kWRp2juIC',1795807964763,1795807964765,'{"type":"text","text":"\"second [[S:second]]\"","synthetic":true}');
INSERT INTO "part" VALUES('prt_21e7eee69001I4IHXFDH8ib0SS','msg_21e7eee57001WiJS4Iqz7Xahcv','ses_de182640cffelrHk8kWRp2juIC',1795807964777,1795807964778,'{"type":"text","text":"\n\n<system-reminder>\nThe active agent has changed from compaction to code.\nThis supersedes earlier agent-switch reminders. Your instructions and permissions are those of the code agent as given in the current system prompt; earlier turns reflect the previous agent, not your current capabilities.\nThis agent may modify files and run commands within its configured permissions.\n</system-reminder>\n","synthetic":true}');
INSERT INTO "part" VALUES('prt_21e7ef581001f7ZPgW3alLAPDL','msg_21e7eee6b001FJYLjo02NUzb30','ses_de182640cffelrHk8kWRp2juIC',1795807966593,1795807966598,'{"snapshot":"dd7a8311f91f2c94898b6026e95f3c58757bd222","type":"step-start","time":{"start":1795807966593}}');
INSERT INTO "part" VALUES('prt_21e7ef5c1001W7JkgYniMAt0Oj','msg_21e7eee6b001FJYLjo02NUzb30','ses_de182640cffelrHk8kWRp2juIC',1795807966657,1795807966807,'{"type":"text","text":"Second answer.","time":{"start":1795807966657,"end":1795807966799}}');
INSERT INTO "part" VALUES('prt_21e7efa08001dTUfBsu9vxad13','msg_21e7eee6b001FJYLjo02NUzb30','ses_de182640cffelrHk8kWRp2juIC',1795807967753,1795807967762,'{"reason":"stop","snapshot":"dd7a8311f91f2c94898b6026e95f3c58757bd222","type":"step-finish","time":{"start":1795807966593,"end":1795807967748,"elapsed":1155},"metrics":{"generation":45.887445887445885,"source":"computed"},"tokens":{"total":1259,"input":1003,"output":53,"reasoning":0,"cache":{"write":0,"read":203}},"cost":0.0038649}');
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
INSERT INTO "project" VALUES('aab8faec78fed6646f7d55b4a654d0d6ff497920','/home/dev/src/compact','git',NULL,NULL,NULL,NULL,1795807873863,1795807923264,NULL,'[]',NULL);
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
INSERT INTO "session" VALUES('ses_de182640cffelrHk8kWRp2juIC','aab8faec78fed6646f7d55b4a654d0d6ff497920',NULL,NULL,'quiet-moon','/home/dev/src/compact','','New session - 2026-11-27T19:31:18.132Z','7.7.9',NULL,0,0,0,NULL,NULL,0.0115398,3006,156,0,606,0,NULL,'[{"permission":"question","pattern":"*","action":"deny"},{"permission":"suggest","pattern":"*","action":"deny"},{"permission":"plan_enter","pattern":"*","action":"deny"},{"permission":"plan_exit","pattern":"*","action":"deny"}]','code','{"id":"mock-1","providerID":"mock","variant":"default"}',1795807878132,1795807965007,NULL,NULL);
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
