BEGIN TRANSACTION;
CREATE TABLE `message` (
          `id` text PRIMARY KEY,
          `session_id` text NOT NULL,
          `time_created` integer NOT NULL,
          `time_updated` integer NOT NULL,
          `data` text NOT NULL,
          CONSTRAINT `fk_message_session_id_session_id_fk` FOREIGN KEY (`session_id`) REFERENCES `session`(`id`) ON DELETE CASCADE
        );
INSERT INTO "message" VALUES('msg_21e7414e5001pXNPHOIR4r8mEZ','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807253733,1795807256192,'{"role":"user","time":{"created":1795807253733},"agent":"code","model":{"providerID":"mock","modelID":"mock-1"},"summary":{"diffs":[]}}');
INSERT INTO "message" VALUES('msg_21e741b76001SoMplg5OmpzEYH','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807255414,1795807257312,'{"parentID":"msg_21e7414e5001pXNPHOIR4r8mEZ","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/resume","root":"/home/dev/src/resume"},"cost":0.0038283,"tokens":{"total":1253,"input":1001,"output":46,"reasoning":5,"cache":{"write":0,"read":201}},"modelID":"mock-1","providerID":"mock","time":{"created":1795807255414,"completed":1795807257310},"finish":"stop"}');
INSERT INTO "message" VALUES('msg_21e7467a0001hitqwXBfuHR5Mf','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807274912,1795807276643,'{"role":"user","time":{"created":1795807274912},"agent":"code","model":{"providerID":"mock","modelID":"mock-1"},"summary":{"diffs":[]}}');
INSERT INTO "message" VALUES('msg_21e746cfb0015cC3i4n6nd1C0A','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807276284,1795807277044,'{"parentID":"msg_21e7467a0001hitqwXBfuHR5Mf","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/resume","root":"/home/dev/src/resume"},"cost":0.0038466,"tokens":{"total":1256,"input":1002,"output":52,"reasoning":0,"cache":{"write":0,"read":202}},"modelID":"mock-1","providerID":"mock","time":{"created":1795807276284,"completed":1795807277042},"finish":"stop"}');
INSERT INTO "message" VALUES('msg_21e74a877001wzKrN1pyb7m35w','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807291511,1795807296579,'{"role":"user","time":{"created":1795807291511},"agent":"code","model":{"providerID":"mock","modelID":"mock-1"},"summary":{"diffs":[]}}');
INSERT INTO "message" VALUES('msg_21e74afe0001jazFHOUqfADBFE','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807293408,1795807296503,'{"parentID":"msg_21e74a877001wzKrN1pyb7m35w","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/resume","root":"/home/dev/src/resume"},"cost":0.0038649,"tokens":{"total":1259,"input":1003,"output":53,"reasoning":0,"cache":{"write":0,"read":203}},"modelID":"mock-1","providerID":"mock","time":{"created":1795807293408,"completed":1795807296493},"finish":"tool-calls"}');
INSERT INTO "message" VALUES('msg_21e74bc2e001LK2hXnnRUZgvzV','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807296558,1795807297540,'{"parentID":"msg_21e74a877001wzKrN1pyb7m35w","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/resume","root":"/home/dev/src/resume"},"cost":0.0038832,"tokens":{"total":1262,"input":1004,"output":54,"reasoning":0,"cache":{"write":0,"read":204}},"modelID":"mock-1","providerID":"mock","time":{"created":1795807296558,"completed":1795807297535},"finish":"stop"}');
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
INSERT INTO "part" VALUES('prt_21e7415b2001NlCbG4PZRQK1o7','msg_21e7414e5001pXNPHOIR4r8mEZ','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807253957,1795807253966,'{"type":"text","text":"\"first [[S:plain]]\""}');
INSERT INTO "part" VALUES('prt_21e741f1c001RCmUwmY1glieTl','msg_21e741b76001SoMplg5OmpzEYH','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807256348,1795807256354,'{"snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-start","time":{"start":1795807256348}}');
INSERT INTO "part" VALUES('prt_21e741f24001MvafEdwzoeEf2M','msg_21e741b76001SoMplg5OmpzEYH','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807256356,1795807256374,'{"type":"reasoning","text":"A short thought.","time":{"start":1795807256356,"end":1795807256365}}');
INSERT INTO "part" VALUES('prt_21e741f38001ypuTDKB2INcy0L','msg_21e741b76001SoMplg5OmpzEYH','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807256376,1795807256403,'{"type":"text","text":"Hello from the mock. Grüße, 日本語 ✓.","time":{"start":1795807256376,"end":1795807256392}}');
INSERT INTO "part" VALUES('prt_21e74224d001OlEEWKOFldRPWm','msg_21e741b76001SoMplg5OmpzEYH','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807257165,1795807257166,'{"reason":"stop","snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-finish","time":{"start":1795807256348,"end":1795807257163,"elapsed":815},"metrics":{"generation":62.576687116564415,"source":"computed"},"tokens":{"total":1253,"input":1001,"output":46,"reasoning":5,"cache":{"write":0,"read":201}},"cost":0.0038283}');
INSERT INTO "part" VALUES('prt_21e7467bf001vwyxhhoTMWYHWB','msg_21e7467a0001hitqwXBfuHR5Mf','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807274977,1795807274979,'{"type":"text","text":"\"second [[S:second]]\""}');
INSERT INTO "part" VALUES('prt_21e746ea9001DTcjxPP2crubGj','msg_21e746cfb0015cC3i4n6nd1C0A','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807276716,1795807276720,'{"snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-start","time":{"start":1795807276713}}');
INSERT INTO "part" VALUES('prt_21e746eb7001nRhxecu3lLcPVb','msg_21e746cfb0015cC3i4n6nd1C0A','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807276727,1795807276738,'{"type":"text","text":"Second answer.","time":{"start":1795807276727,"end":1795807276736}}');
INSERT INTO "part" VALUES('prt_21e746fa9001FweGgX9kP2bky5','msg_21e746cfb0015cC3i4n6nd1C0A','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807276969,1795807276975,'{"reason":"stop","snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-finish","time":{"start":1795807276713,"end":1795807276963,"elapsed":251},"metrics":{"generation":207.17131474103584,"source":"computed"},"tokens":{"total":1256,"input":1002,"output":52,"reasoning":0,"cache":{"write":0,"read":202}},"cost":0.0038466}');
INSERT INTO "part" VALUES('prt_21e74a8a6001NP297w0Vze6G7g','msg_21e74a877001wzKrN1pyb7m35w','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807291571,1795807291577,'{"type":"text","text":"\"third [[S:onetool]]\""}');
INSERT INTO "part" VALUES('prt_21e74b662001Rcg31evkrSo3s3','msg_21e74afe0001jazFHOUqfADBFE','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807295075,1795807295077,'{"snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-start","time":{"start":1795807295074}}');
INSERT INTO "part" VALUES('prt_21e74b672001A2n4LFk6QSuRkJ','msg_21e74afe0001jazFHOUqfADBFE','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807295091,1795807296134,'{"type":"tool","tool":"bash","callID":"call_0030onetool","state":{"status":"completed","input":{"command":"echo again"},"output":"again\n","metadata":{"output":"again\n","exit":0,"description":"echo again","truncated":false,"approval":{"source":"project","rule":{"permission":"bash","pattern":"*","action":"allow"}}},"title":"echo again","time":{"start":1795807295123,"end":1795807296124}}}');
INSERT INTO "part" VALUES('prt_21e74bb7c001NLkApQIlQ9T4E0','msg_21e74afe0001jazFHOUqfADBFE','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807296380,1795807296385,'{"reason":"tool-calls","snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-finish","time":{"start":1795807295074,"end":1795807296367,"elapsed":1293},"metrics":{"generation":40.98994586233565,"source":"computed"},"tokens":{"total":1259,"input":1003,"output":53,"reasoning":0,"cache":{"write":0,"read":203}},"cost":0.0038649}');
INSERT INTO "part" VALUES('prt_21e74be87001uQiP6JmFSaoDyE','msg_21e74bc2e001LK2hXnnRUZgvzV','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807297159,1795807297161,'{"snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-start","time":{"start":1795807297159}}');
INSERT INTO "part" VALUES('prt_21e74be91001B62naQpunaV2wk','msg_21e74bc2e001LK2hXnnRUZgvzV','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807297170,1795807297179,'{"type":"text","text":"One tool done.","time":{"start":1795807297169,"end":1795807297178}}');
INSERT INTO "part" VALUES('prt_21e74bfa3001HYQKjf95lGGNBt','msg_21e74bc2e001LK2hXnnRUZgvzV','ses_de18c1f30ffe9TB9mt8B7QZbth',1795807297444,1795807297445,'{"reason":"stop","snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-finish","time":{"start":1795807297159,"end":1795807297442,"elapsed":283},"metrics":{"generation":190.81272084805653,"source":"computed"},"tokens":{"total":1262,"input":1004,"output":54,"reasoning":0,"cache":{"write":0,"read":204}},"cost":0.0038832}');
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
INSERT INTO "project" VALUES('9ef1699ab503d8fd0175affbc33c9d7a790745c6','/home/dev/src/resume','git',NULL,NULL,NULL,NULL,1795807235853,1795807281403,NULL,'[]',NULL);
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
INSERT INTO "session" VALUES('ses_de18c1f30ffe9TB9mt8B7QZbth','9ef1699ab503d8fd0175affbc33c9d7a790745c6',NULL,NULL,'calm-canyon','/home/dev/src/resume','','New session - 2026-11-27T19:20:40.399Z','7.7.9',NULL,0,0,0,NULL,NULL,0.015423,4010,205,5,810,0,NULL,'[{"permission":"question","pattern":"*","action":"deny"},{"permission":"suggest","pattern":"*","action":"deny"},{"permission":"plan_enter","pattern":"*","action":"deny"},{"permission":"plan_exit","pattern":"*","action":"deny"}]','code','{"id":"mock-1","providerID":"mock","variant":"default"}',1795807240399,1795807296552,NULL,NULL);
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
