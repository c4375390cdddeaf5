BEGIN TRANSACTION;
CREATE TABLE `message` (
          `id` text PRIMARY KEY,
          `session_id` text NOT NULL,
          `time_created` integer NOT NULL,
          `time_updated` integer NOT NULL,
          `data` text NOT NULL,
          CONSTRAINT `fk_message_session_id_session_id_fk` FOREIGN KEY (`session_id`) REFERENCES `session`(`id`) ON DELETE CASCADE
        );
INSERT INTO "message" VALUES('msg_21e77ebe800163fU3jd21wJ3Nu','ses_de1883f47ffeckeJNHRFE7AkCT',1795807505384,1795807517560,'{"role":"user","time":{"created":1795807505384},"agent":"code","model":{"providerID":"mock","modelID":"mock-1"},"summary":{"diffs":[]}}');
INSERT INTO "message" VALUES('msg_21e77f3c1001V6NCQDEXMsJLN6','ses_de1883f47ffeckeJNHRFE7AkCT',1795807507393,1795807517547,'{"parentID":"msg_21e77ebe800163fU3jd21wJ3Nu","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/sub","root":"/home/dev/src/sub"},"cost":0.0115398,"tokens":{"total":1253,"input":1001,"output":51,"reasoning":0,"cache":{"write":0,"read":201}},"modelID":"mock-1","providerID":"mock","time":{"created":1795807507393,"completed":1795807517545},"finish":"tool-calls"}');
INSERT INTO "message" VALUES('msg_21e7806cf001AwpS2ymG21iY3o','ses_de187fa1cffe9l2k090sNKXkCE',1795807512531,1795807517183,'{"role":"user","time":{"created":1795807512531},"tools":{"question":false,"task":false},"agent":"general","model":{"providerID":"mock","modelID":"mock-1"},"summary":{"diffs":[]}}');
INSERT INTO "message" VALUES('msg_21e7808c90010oGDd19J3UY1VF','ses_de187fa1cffe9l2k090sNKXkCE',1795807512778,1795807515358,'{"parentID":"msg_21e7806cf001AwpS2ymG21iY3o","role":"assistant","mode":"general","agent":"general","path":{"cwd":"/home/dev/src/sub","root":"/home/dev/src/sub"},"cost":0.0038466,"tokens":{"total":1256,"input":1002,"output":52,"reasoning":0,"cache":{"write":0,"read":202}},"modelID":"mock-1","providerID":"mock","time":{"created":1795807512778,"completed":1795807515326},"finish":"tool-calls"}');
INSERT INTO "message" VALUES('msg_21e78134f001ho3Eelime0k388','ses_de187fa1cffe9l2k090sNKXkCE',1795807515471,1795807517076,'{"parentID":"msg_21e7806cf001AwpS2ymG21iY3o","role":"assistant","mode":"general","agent":"general","path":{"cwd":"/home/dev/src/sub","root":"/home/dev/src/sub"},"cost":0.0038649,"tokens":{"total":1259,"input":1003,"output":53,"reasoning":0,"cache":{"write":0,"read":203}},"modelID":"mock-1","providerID":"mock","time":{"created":1795807515471,"completed":1795807517071},"finish":"stop"}');
INSERT INTO "message" VALUES('msg_21e781b7d001B93DKTwnoYa72H','ses_de1883f47ffeckeJNHRFE7AkCT',1795807517565,1795807518526,'{"parentID":"msg_21e77ebe800163fU3jd21wJ3Nu","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/sub","root":"/home/dev/src/sub"},"cost":0.0038832,"tokens":{"total":1262,"input":1004,"output":54,"reasoning":0,"cache":{"write":0,"read":204}},"modelID":"mock-1","providerID":"mock","time":{"created":1795807517565,"completed":1795807518524},"finish":"stop"}');
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
INSERT INTO "part" VALUES('prt_21e77ec37001eRKQylwQ5zYOiK','msg_21e77ebe800163fU3jd21wJ3Nu','ses_de1883f47ffeckeJNHRFE7AkCT',1795807505469,1795807505472,'{"type":"text","text":"\"use a helper [[S:sub]]\""}');
INSERT INTO "part" VALUES('prt_21e78047e001s5zhfD0QANOEeJ','msg_21e77f3c1001V6NCQDEXMsJLN6','ses_de1883f47ffeckeJNHRFE7AkCT',1795807511678,1795807511686,'{"snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-start","time":{"start":1795807511678}}');
INSERT INTO "part" VALUES('prt_21e7804a20010dxPShMlrb41gM','msg_21e77f3c1001V6NCQDEXMsJLN6','ses_de1883f47ffeckeJNHRFE7AkCT',1795807511715,1795807511929,'{"type":"text","text":"Spawning.","time":{"start":1795807511714,"end":1795807511927}}');
INSERT INTO "part" VALUES('prt_21e7804ce001AfOyqjb23PaLsX','msg_21e77f3c1001V6NCQDEXMsJLN6','ses_de1883f47ffeckeJNHRFE7AkCT',1795807511759,1795807517206,'{"type":"tool","tool":"task","callID":"call_0010sub","state":{"status":"completed","input":{"description":"look around","prompt":"Look around please [[S:child]]","subagent_type":"general","background":false},"output":"<task id=\"ses_de187fa1cffe9l2k090sNKXkCE\" state=\"completed\">\n<task_result>\nChild result: nothing here.\n</task_result>\n</task>","metadata":{"parentSessionId":"ses_de1883f47ffeckeJNHRFE7AkCT","sessionId":"ses_de187fa1cffe9l2k090sNKXkCE","model":{"modelID":"mock-1","providerID":"mock"},"truncated":false,"approval":{"source":"agent","agent":"code","rule":{"permission":"*","pattern":"*","action":"allow"}}},"title":"look around","time":{"start":1795807511877,"end":1795807517204}}}');
INSERT INTO "part" VALUES('prt_21e7807f5001kme7gBpbYfTGJb','msg_21e7806cf001AwpS2ymG21iY3o','ses_de187fa1cffe9l2k090sNKXkCE',1795807512568,1795807512569,'{"type":"text","text":"Look around please [[S:child]]"}');
INSERT INTO "part" VALUES('prt_21e780ccb001oBpqGBVi8eIS4R','msg_21e7808c90010oGDd19J3UY1VF','ses_de187fa1cffe9l2k090sNKXkCE',1795807513803,1795807513817,'{"snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-start","time":{"start":1795807513803}}');
INSERT INTO "part" VALUES('prt_21e780cdc001RDuFmvM3W5U2Vj','msg_21e7808c90010oGDd19J3UY1VF','ses_de187fa1cffe9l2k090sNKXkCE',1795807513820,1795807515055,'{"type":"tool","tool":"bash","callID":"call_0020child","state":{"status":"completed","input":{"command":"echo from-child"},"output":"from-child\n","metadata":{"output":"from-child\n","exit":0,"description":"echo from-child","truncated":false,"approval":{"source":"project","rule":{"permission":"bash","pattern":"*","action":"allow"}}},"title":"echo from-child","time":{"start":1795807513886,"end":1795807515047}}}');
INSERT INTO "part" VALUES('prt_21e781214001Kpckmvja5WmFZ6','msg_21e7808c90010oGDd19J3UY1VF','ses_de187fa1cffe9l2k090sNKXkCE',1795807515157,1795807515178,'{"reason":"tool-calls","snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-finish","time":{"start":1795807513803,"end":1795807515153,"elapsed":1350},"metrics":{"generation":38.51851851851852,"source":"computed"},"tokens":{"total":1256,"input":1002,"output":52,"reasoning":0,"cache":{"write":0,"read":202}},"cost":0.0038466}');
INSERT INTO "part" VALUES('prt_21e7816b9001WuI2K16RfNwL2v','msg_21e78134f001ho3Eelime0k388','ses_de187fa1cffe9l2k090sNKXkCE',1795807516346,1795807516354,'{"snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-start","time":{"start":1795807516345}}');
INSERT INTO "part" VALUES('prt_21e7816c5001HSxCFN1PMBoNDc','msg_21e78134f001ho3Eelime0k388','ses_de187fa1cffe9l2k090sNKXkCE',1795807516365,1795807516380,'{"type":"text","text":"Child result: nothing here.","time":{"start":1795807516365,"end":1795807516379}}');
INSERT INTO "part" VALUES('prt_21e7818db001aXKN4k1Bnp8z52','msg_21e78134f001ho3Eelime0k388','ses_de187fa1cffe9l2k090sNKXkCE',1795807516891,1795807516892,'{"reason":"stop","snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-finish","time":{"start":1795807516345,"end":1795807516885,"elapsed":540},"metrics":{"generation":98.14814814814815,"source":"computed"},"tokens":{"total":1259,"input":1003,"output":53,"reasoning":0,"cache":{"write":0,"read":203}},"cost":0.0038649}');
INSERT INTO "part" VALUES('prt_21e781ae5001W6hC4BeaGc81h2','msg_21e77f3c1001V6NCQDEXMsJLN6','ses_de1883f47ffeckeJNHRFE7AkCT',1795807517413,1795807517414,'{"reason":"tool-calls","snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-finish","time":{"start":1795807511678,"end":1795807517411,"elapsed":5733},"metrics":{"generation":8.895866038723181,"source":"computed"},"tokens":{"total":1253,"input":1001,"output":51,"reasoning":0,"cache":{"write":0,"read":201}},"cost":0.0038283}');
INSERT INTO "part" VALUES('prt_21e781d7c001uPqvhxTkD4srQ1','msg_21e781b7d001B93DKTwnoYa72H','ses_de1883f47ffeckeJNHRFE7AkCT',1795807518076,1795807518081,'{"snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-start","time":{"start":1795807518076}}');
INSERT INTO "part" VALUES('prt_21e781d8b001dSuCncIPbsdtLV','msg_21e781b7d001B93DKTwnoYa72H','ses_de1883f47ffeckeJNHRFE7AkCT',1795807518091,1795807518095,'{"type":"text","text":"Parent finished.","time":{"start":1795807518091,"end":1795807518094}}');
INSERT INTO "part" VALUES('prt_21e781e920012qEdBqp63v3VAm','msg_21e781b7d001B93DKTwnoYa72H','ses_de1883f47ffeckeJNHRFE7AkCT',1795807518354,1795807518355,'{"reason":"stop","snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-finish","time":{"start":1795807518076,"end":1795807518352,"elapsed":276},"metrics":{"generation":195.65217391304347,"source":"computed"},"tokens":{"total":1262,"input":1004,"output":54,"reasoning":0,"cache":{"write":0,"read":204}},"cost":0.0038832}');
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
INSERT INTO "project" VALUES('daa1b93e807831c0c7f8164f3bc6436b1c2e4a85','/home/dev/src/sub','git',NULL,NULL,NULL,NULL,1795807491317,1795807491317,NULL,'[]',NULL);
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
INSERT INTO "session" VALUES('ses_de1883f47ffeckeJNHRFE7AkCT','daa1b93e807831c0c7f8164f3bc6436b1c2e4a85',NULL,NULL,'eager-comet','/home/dev/src/sub','','New session - 2026-11-27T19:24:54.329Z','7.7.9',NULL,0,0,0,NULL,NULL,0.0077115,2005,105,0,405,0,NULL,'[{"permission":"question","pattern":"*","action":"deny"},{"permission":"suggest","pattern":"*","action":"deny"},{"permission":"plan_enter","pattern":"*","action":"deny"},{"permission":"plan_exit","pattern":"*","action":"deny"}]','code','{"id":"mock-1","providerID":"mock","variant":"default"}',1795807494329,1795807517553,NULL,NULL);
INSERT INTO "session" VALUES('ses_de187fa1cffe9l2k090sNKXkCE','daa1b93e807831c0c7f8164f3bc6436b1c2e4a85',NULL,'ses_de1883f47ffeckeJNHRFE7AkCT','swift-moon','/home/dev/src/sub','','look around (@general subagent)','7.7.9',NULL,0,0,0,NULL,NULL,0.0077115,2005,105,0,405,0,NULL,'[{"permission":"suggest","pattern":"*","action":"deny"},{"permission":"plan_enter","pattern":"*","action":"deny"},{"permission":"plan_exit","pattern":"*","action":"deny"},{"permission":"repo_clone","action":"deny","pattern":"*"},{"permission":"question","action":"deny","pattern":"*"},{"permission":"task","action":"deny","pattern":"*"}]','general','{"id":"mock-1","providerID":"mock","variant":"default"}',1795807512035,1795807517156,NULL,NULL);
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
