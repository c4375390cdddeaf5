BEGIN TRANSACTION;
CREATE TABLE `message` (
          `id` text PRIMARY KEY,
          `session_id` text NOT NULL,
          `time_created` integer NOT NULL,
          `time_updated` integer NOT NULL,
          `data` text NOT NULL,
          CONSTRAINT `fk_message_session_id_session_id_fk` FOREIGN KEY (`session_id`) REFERENCES `session`(`id`) ON DELETE CASCADE
        );
INSERT INTO "message" VALUES('msg_220529a19001RK5yLCI7BnsCze','ses_ddfad958affeUxPvEARYM43bhu',1795838614041,1795838628143,'{"role":"user","time":{"created":1795838614041},"agent":"code","model":{"providerID":"mock","modelID":"mock-1"},"summary":{"diffs":[{"file":"a.txt","patch":"diff --git a/a.txt b/a.txt\nnew file mode 100644\nindex 0000000..7819bf7\n--- /dev/null\n+++ b/a.txt\n@@ -0,0 +1,2 @@\n+alpha\n+gamma\n","additions":2,"deletions":0,"status":"added"}]}}');
INSERT INTO "message" VALUES('msg_22052a3a4001qGJTZLMWdcVTwS','ses_ddfad958affeUxPvEARYM43bhu',1795838616484,1795838621545,'{"parentID":"msg_220529a19001RK5yLCI7BnsCze","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/fork","root":"/home/dev/src/fork"},"cost":0.0038283,"tokens":{"total":1253,"input":1001,"output":51,"reasoning":0,"cache":{"write":0,"read":201}},"modelID":"mock-1","providerID":"mock","time":{"created":1795838616484,"completed":1795838621542},"finish":"tool-calls"}');
INSERT INTO "message" VALUES('msg_22052b772001OCrXHSH3OJKrIB','ses_ddfad958affeUxPvEARYM43bhu',1795838621554,1795838623116,'{"parentID":"msg_220529a19001RK5yLCI7BnsCze","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/fork","root":"/home/dev/src/fork"},"cost":0.0038466,"tokens":{"total":1256,"input":1002,"output":52,"reasoning":0,"cache":{"write":0,"read":202}},"modelID":"mock-1","providerID":"mock","time":{"created":1795838621554,"completed":1795838623113},"finish":"tool-calls"}');
INSERT INTO "message" VALUES('msg_22052bd9c00138PWHDd5joVBrM','ses_ddfad958affeUxPvEARYM43bhu',1795838623132,1795838624819,'{"parentID":"msg_220529a19001RK5yLCI7BnsCze","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/fork","root":"/home/dev/src/fork"},"cost":0.0038649,"tokens":{"total":1259,"input":1003,"output":53,"reasoning":0,"cache":{"write":0,"read":203}},"modelID":"mock-1","providerID":"mock","time":{"created":1795838623132,"completed":1795838624808},"finish":"tool-calls"}');
INSERT INTO "message" VALUES('msg_22052c4630013W9SWDPMKjhS5r','ses_ddfad958affeUxPvEARYM43bhu',1795838624867,1795838627276,'{"parentID":"msg_220529a19001RK5yLCI7BnsCze","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/fork","root":"/home/dev/src/fork"},"cost":0.0038832,"tokens":{"total":1262,"input":1004,"output":54,"reasoning":0,"cache":{"write":0,"read":204}},"modelID":"mock-1","providerID":"mock","time":{"created":1795838624867,"completed":1795838627274},"finish":"tool-calls"}');
INSERT INTO "message" VALUES('msg_22052cdd2001LO5PfskbktydrJ','ses_ddfad958affeUxPvEARYM43bhu',1795838627282,1795838628758,'{"parentID":"msg_220529a19001RK5yLCI7BnsCze","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/fork","root":"/home/dev/src/fork"},"cost":0.0039015,"tokens":{"total":1265,"input":1005,"output":55,"reasoning":0,"cache":{"write":0,"read":205}},"modelID":"mock-1","providerID":"mock","time":{"created":1795838627282,"completed":1795838628756},"finish":"stop"}');
INSERT INTO "message" VALUES('msg_22052fa6f0012WuB6akh1Pt6bT','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838614041,1795838638731,'{"role":"user","time":{"created":1795838614041},"agent":"code","model":{"providerID":"mock","modelID":"mock-1"},"summary":{"diffs":[{"file":"a.txt","patch":"diff --git a/a.txt b/a.txt\nnew file mode 100644\nindex 0000000..7819bf7\n--- /dev/null\n+++ b/a.txt\n@@ -0,0 +1,2 @@\n+alpha\n+gamma\n","additions":2,"deletions":0,"status":"added"}]}}');
INSERT INTO "message" VALUES('msg_22052fa70002Y1CwOC4HND1gUv','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838616484,1795838638746,'{"parentID":"msg_22052fa6f0012WuB6akh1Pt6bT","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/fork","root":"/home/dev/src/fork"},"cost":0,"tokens":{"total":1253,"input":1001,"output":51,"reasoning":0,"cache":{"write":0,"read":201}},"modelID":"mock-1","providerID":"mock","time":{"created":1795838616484,"completed":1795838621542},"finish":"tool-calls"}');
INSERT INTO "message" VALUES('msg_22052fa700074ESM47QdI2jxnC','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838621554,1795838638757,'{"parentID":"msg_22052fa6f0012WuB6akh1Pt6bT","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/fork","root":"/home/dev/src/fork"},"cost":0,"tokens":{"total":1256,"input":1002,"output":52,"reasoning":0,"cache":{"write":0,"read":202}},"modelID":"mock-1","providerID":"mock","time":{"created":1795838621554,"completed":1795838623113},"finish":"tool-calls"}');
INSERT INTO "message" VALUES('msg_22052fa7000cBOIUhMjdd79hPQ','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838623132,1795838638778,'{"parentID":"msg_22052fa6f0012WuB6akh1Pt6bT","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/fork","root":"/home/dev/src/fork"},"cost":0,"tokens":{"total":1259,"input":1003,"output":53,"reasoning":0,"cache":{"write":0,"read":203}},"modelID":"mock-1","providerID":"mock","time":{"created":1795838623132,"completed":1795838624808},"finish":"tool-calls"}');
INSERT INTO "message" VALUES('msg_22052fa70010ER32YPMBLbaUFW','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838624867,1795838638792,'{"parentID":"msg_22052fa6f0012WuB6akh1Pt6bT","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/fork","root":"/home/dev/src/fork"},"cost":0,"tokens":{"total":1262,"input":1004,"output":54,"reasoning":0,"cache":{"write":0,"read":204}},"modelID":"mock-1","providerID":"mock","time":{"created":1795838624867,"completed":1795838627274},"finish":"tool-calls"}');
INSERT INTO "message" VALUES('msg_22052fa70015UphmfLsxxF3ILt','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838627282,1795838638808,'{"parentID":"msg_22052fa6f0012WuB6akh1Pt6bT","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/fork","root":"/home/dev/src/fork"},"cost":0,"tokens":{"total":1265,"input":1005,"output":55,"reasoning":0,"cache":{"write":0,"read":205}},"modelID":"mock-1","providerID":"mock","time":{"created":1795838627282,"completed":1795838628756},"finish":"stop"}');
INSERT INTO "message" VALUES('msg_220533f04001fv3iwR4oOwykhh','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838656260,1795838657294,'{"role":"user","time":{"created":1795838656260},"agent":"code","model":{"providerID":"mock","modelID":"mock-1"},"summary":{"diffs":[]}}');
INSERT INTO "message" VALUES('msg_2205340440012m3j8Ooun5SPke','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838656580,1795838657769,'{"parentID":"msg_220533f04001fv3iwR4oOwykhh","role":"assistant","mode":"code","agent":"code","path":{"cwd":"/home/dev/src/fork","root":"/home/dev/src/fork"},"cost":0.0039198,"tokens":{"total":1268,"input":1006,"output":56,"reasoning":0,"cache":{"write":0,"read":206}},"modelID":"mock-1","providerID":"mock","time":{"created":1795838656580,"completed":1795838657766},"finish":"stop"}');
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
INSERT INTO "part" VALUES('prt_220529a3d001hDKApl1l4Z6mz2','msg_220529a19001RK5yLCI7BnsCze','ses_ddfad958affeUxPvEARYM43bhu',1795838614087,1795838614103,'{"type":"text","text":"\"first [[S:tools]]\""}');
INSERT INTO "part" VALUES('prt_22052aeff001cWFxUUq5wtbXP7','msg_22052a3a4001qGJTZLMWdcVTwS','ses_ddfad958affeUxPvEARYM43bhu',1795838619392,1795838619397,'{"snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-start","time":{"start":1795838619391}}');
INSERT INTO "part" VALUES('prt_22052af0f001cYQlhkJIkYeV0q','msg_22052a3a4001qGJTZLMWdcVTwS','ses_ddfad958affeUxPvEARYM43bhu',1795838619407,1795838619555,'{"type":"text","text":"I will run a command.","time":{"start":1795838619407,"end":1795838619549}}');
INSERT INTO "part" VALUES('prt_22052af20001V9ZMjh64MdPlHb','msg_22052a3a4001qGJTZLMWdcVTwS','ses_ddfad958affeUxPvEARYM43bhu',1795838619425,1795838620941,'{"type":"tool","tool":"bash","callID":"call_0010tools","state":{"status":"completed","input":{"command":"echo hello"},"output":"hello\n","metadata":{"output":"hello\n","exit":0,"description":"echo hello","truncated":false,"approval":{"source":"project","rule":{"permission":"bash","pattern":"*","action":"allow"}}},"title":"echo hello","time":{"start":1795838619476,"end":1795838620899}}}');
INSERT INTO "part" VALUES('prt_22052b6f3001o3aXcaIhaFaOJ1','msg_22052a3a4001qGJTZLMWdcVTwS','ses_ddfad958affeUxPvEARYM43bhu',1795838621428,1795838621431,'{"reason":"tool-calls","snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-finish","time":{"start":1795838619391,"end":1795838621424,"elapsed":2033},"metrics":{"generation":25.086079685194296,"source":"computed"},"tokens":{"total":1253,"input":1001,"output":51,"reasoning":0,"cache":{"write":0,"read":201}},"cost":0.0038283}');
INSERT INTO "part" VALUES('prt_22052b96b001T8qKLWfDgWUJnQ','msg_22052b772001OCrXHSH3OJKrIB','ses_ddfad958affeUxPvEARYM43bhu',1795838622059,1795838622062,'{"snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-start","time":{"start":1795838622059}}');
INSERT INTO "part" VALUES('prt_22052b971001Zm7kX0idCW64Oj','msg_22052b772001OCrXHSH3OJKrIB','ses_ddfad958affeUxPvEARYM43bhu',1795838622065,1795838622171,'{"type":"tool","tool":"write","callID":"call_0020tools","state":{"status":"completed","input":{"content":"alpha\nbeta\n","filePath":"/home/dev/src/fork/a.txt"},"output":"Wrote file successfully.","metadata":{"diagnostics":{},"filepath":"/home/dev/src/fork/a.txt","exists":false,"diff":"Index: /home/dev/src/fork/a.txt\n===================================================================\n--- /home/dev/src/fork/a.txt\n+++ /home/dev/src/fork/a.txt\n@@ -0,0 +1,2 @@\n+alpha\n+beta\n","filediff":{"file":"/home/dev/src/fork/a.txt","patch":"Index: /home/dev/src/fork/a.txt\n===================================================================\n--- /home/dev/src/fork/a.txt\n+++ /home/dev/src/fork/a.txt\n@@ -0,0 +1,2 @@\n+alpha\n+beta\n","additions":2,"deletions":0},"truncated":false,"approval":{"source":"project","rule":{"permission":"edit","pattern":"*","action":"allow"}}},"title":"a.txt","time":{"start":1795838622080,"end":1795838622169}}}');
INSERT INTO "part" VALUES('prt_22052bc40001QoP76wZx3hQvsg','msg_22052b772001OCrXHSH3OJKrIB','ses_ddfad958affeUxPvEARYM43bhu',1795838622784,1795838622795,'{"reason":"tool-calls","snapshot":"afa8c43e3758fa951330bf1dbc2ffd99ee5bf202","type":"step-finish","time":{"start":1795838622059,"end":1795838622781,"elapsed":722},"metrics":{"generation":72.02216066481995,"source":"computed"},"tokens":{"total":1256,"input":1002,"output":52,"reasoning":0,"cache":{"write":0,"read":202}},"cost":0.0038466}');
INSERT INTO "part" VALUES('prt_22052bd800019432r0UkUJNNjS','msg_22052b772001OCrXHSH3OJKrIB','ses_ddfad958affeUxPvEARYM43bhu',1795838623104,1795838623107,'{"type":"patch","hash":"288d8210f68f9ac2fd2da6461719cead3383defb","files":["/home/dev/src/fork/a.txt"]}');
INSERT INTO "part" VALUES('prt_22052bf3d0017fBE8uix1Czrn2','msg_22052bd9c00138PWHDd5joVBrM','ses_ddfad958affeUxPvEARYM43bhu',1795838623614,1795838623629,'{"snapshot":"afa8c43e3758fa951330bf1dbc2ffd99ee5bf202","type":"step-start","time":{"start":1795838623549}}');
INSERT INTO "part" VALUES('prt_22052bf9a001P3qx2kJhy05zfE','msg_22052bd9c00138PWHDd5joVBrM','ses_ddfad958affeUxPvEARYM43bhu',1795838623642,1795838623756,'{"type":"tool","tool":"read","callID":"call_0030tools","state":{"status":"completed","input":{"filePath":"/home/dev/src/fork/a.txt"},"output":"<path>/home/dev/src/fork/a.txt</path>\n<type>file</type>\n<content>\n1: alpha\n2: beta\n\n(End of file - total 2 lines)\n</content>","metadata":{"preview":"alpha\nbeta","truncated":false,"loaded":[],"display":{"type":"file","path":"/home/dev/src/fork/a.txt","text":"alpha\nbeta","lineStart":1,"lineEnd":2,"totalLines":2,"truncated":false},"approval":{"source":"agent","agent":"code","rule":{"permission":"read","pattern":"*","action":"allow"}}},"title":"a.txt","time":{"start":1795838623656,"end":1795838623755}}}');
INSERT INTO "part" VALUES('prt_22052c1b8001WBwZOmMke2UZjX','msg_22052bd9c00138PWHDd5joVBrM','ses_ddfad958affeUxPvEARYM43bhu',1795838624185,1795838624199,'{"reason":"tool-calls","snapshot":"afa8c43e3758fa951330bf1dbc2ffd99ee5bf202","type":"step-finish","time":{"start":1795838623549,"end":1795838624182,"elapsed":633},"metrics":{"generation":83.72827804107425,"source":"computed"},"tokens":{"total":1259,"input":1003,"output":53,"reasoning":0,"cache":{"write":0,"read":203}},"cost":0.0038649}');
INSERT INTO "part" VALUES('prt_22052c8c60017mfNbxEYb3xLrp','msg_22052c4630013W9SWDPMKjhS5r','ses_ddfad958affeUxPvEARYM43bhu',1795838625990,1795838625992,'{"snapshot":"afa8c43e3758fa951330bf1dbc2ffd99ee5bf202","type":"step-start","time":{"start":1795838625990}}');
INSERT INTO "part" VALUES('prt_22052c8d10013aJHlYgCpdnOjf','msg_22052c4630013W9SWDPMKjhS5r','ses_ddfad958affeUxPvEARYM43bhu',1795838626007,1795838626270,'{"type":"tool","tool":"edit","callID":"call_0040tools","state":{"status":"completed","input":{"filePath":"/home/dev/src/fork/a.txt","oldString":"beta","newString":"gamma"},"output":"Edit applied successfully.","metadata":{"diagnostics":{},"diff":"Index: /home/dev/src/fork/a.txt\n===================================================================\n--- /home/dev/src/fork/a.txt\n+++ /home/dev/src/fork/a.txt\n@@ -1,2 +1,2 @@\n alpha\n-beta\n+gamma\n","filediff":{"file":"/home/dev/src/fork/a.txt","patch":"Index: /home/dev/src/fork/a.txt\n===================================================================\n--- /home/dev/src/fork/a.txt\n+++ /home/dev/src/fork/a.txt\n@@ -1,2 +1,2 @@\n alpha\n-beta\n+gamma\n","additions":1,"deletions":1},"truncated":false,"approval":{"source":"project","rule":{"permission":"edit","pattern":"*","action":"allow"}}},"title":"a.txt","time":{"start":1795838626079,"end":1795838626261}}}');
INSERT INTO "part" VALUES('prt_22052cd24001MfBWZmG5tb58g6','msg_22052c4630013W9SWDPMKjhS5r','ses_ddfad958affeUxPvEARYM43bhu',1795838627108,1795838627111,'{"reason":"tool-calls","snapshot":"f9303b860bb6e55fc351ceb324dd239c4b3686b9","type":"step-finish","time":{"start":1795838625990,"end":1795838627100,"elapsed":1110},"metrics":{"generation":48.648648648648646,"source":"computed"},"tokens":{"total":1262,"input":1004,"output":54,"reasoning":0,"cache":{"write":0,"read":204}},"cost":0.0038832}');
INSERT INTO "part" VALUES('prt_22052cdc4001NhepNuy5U8UdA0','msg_22052c4630013W9SWDPMKjhS5r','ses_ddfad958affeUxPvEARYM43bhu',1795838627268,1795838627270,'{"type":"patch","hash":"afa8c43e3758fa951330bf1dbc2ffd99ee5bf202","files":["/home/dev/src/fork/a.txt"]}');
INSERT INTO "part" VALUES('prt_22052d0c4001ZInAx4vXCRg38W','msg_22052cdd2001LO5PfskbktydrJ','ses_ddfad958affeUxPvEARYM43bhu',1795838628036,1795838628046,'{"snapshot":"f9303b860bb6e55fc351ceb324dd239c4b3686b9","type":"step-start","time":{"start":1795838628036}}');
INSERT INTO "part" VALUES('prt_22052d0d5001o1P0sdWHEKracl','msg_22052cdd2001LO5PfskbktydrJ','ses_ddfad958affeUxPvEARYM43bhu',1795838628053,1795838628092,'{"type":"text","text":"All done.","time":{"start":1795838628053,"end":1795838628090}}');
INSERT INTO "part" VALUES('prt_22052d2030012FcsdYGBzVKHI5','msg_22052cdd2001LO5PfskbktydrJ','ses_ddfad958affeUxPvEARYM43bhu',1795838628355,1795838628357,'{"reason":"stop","snapshot":"f9303b860bb6e55fc351ceb324dd239c4b3686b9","type":"step-finish","time":{"start":1795838628036,"end":1795838628353,"elapsed":318},"metrics":{"generation":172.9559748427673,"source":"computed"},"tokens":{"total":1265,"input":1005,"output":55,"reasoning":0,"cache":{"write":0,"read":205}},"cost":0.0039015}');
INSERT INTO "part" VALUES('prt_22052fa70001059YsEhNu53jm3','msg_22052fa6f0012WuB6akh1Pt6bT','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638704,1795838638740,'{"type":"text","text":"\"first [[S:tools]]\""}');
INSERT INTO "part" VALUES('prt_22052fa70003natVYPlKqOjAg3','msg_22052fa70002Y1CwOC4HND1gUv','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638704,1795838638747,'{"snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-start","time":{"start":1795838619391}}');
INSERT INTO "part" VALUES('prt_22052fa70004fCJPh6zJ1nwK7n','msg_22052fa70002Y1CwOC4HND1gUv','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638704,1795838638749,'{"type":"text","text":"I will run a command.","time":{"start":1795838619407,"end":1795838619549}}');
INSERT INTO "part" VALUES('prt_22052fa70005sFI8yPX6fdVYj3','msg_22052fa70002Y1CwOC4HND1gUv','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638704,1795838638754,'{"type":"tool","tool":"bash","callID":"call_0010tools","state":{"status":"completed","input":{"command":"echo hello"},"output":"hello\n","metadata":{"output":"hello\n","exit":0,"description":"echo hello","truncated":false,"approval":{"source":"project","rule":{"permission":"bash","pattern":"*","action":"allow"}}},"title":"echo hello","time":{"start":1795838619476,"end":1795838620899}}}');
INSERT INTO "part" VALUES('prt_22052fa70006z1inKxuucL6bcD','msg_22052fa70002Y1CwOC4HND1gUv','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638704,1795838638755,'{"reason":"tool-calls","snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-finish","time":{"start":1795838619391,"end":1795838621424,"elapsed":2033},"metrics":{"generation":25.086079685194296,"source":"computed"},"tokens":{"total":1253,"input":1001,"output":51,"reasoning":0,"cache":{"write":0,"read":201}},"cost":0}');
INSERT INTO "part" VALUES('prt_22052fa70008sSAh0BYcwaJZ6v','msg_22052fa700074ESM47QdI2jxnC','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638704,1795838638763,'{"snapshot":"288d8210f68f9ac2fd2da6461719cead3383defb","type":"step-start","time":{"start":1795838622059}}');
INSERT INTO "part" VALUES('prt_22052fa70009snR8n22W3F8kZw','msg_22052fa700074ESM47QdI2jxnC','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638704,1795838638770,'{"type":"tool","tool":"write","callID":"call_0020tools","state":{"status":"completed","input":{"content":"alpha\nbeta\n","filePath":"/home/dev/src/fork/a.txt"},"output":"Wrote file successfully.","metadata":{"diagnostics":{},"filepath":"/home/dev/src/fork/a.txt","exists":false,"filediff":{"file":"/home/dev/src/fork/a.txt","additions":2,"deletions":0,"patch":"Index: /home/dev/src/fork/a.txt\n===================================================================\n--- /home/dev/src/fork/a.txt\n+++ /home/dev/src/fork/a.txt\n@@ -0,0 +1,2 @@\n+alpha\n+beta\n"},"truncated":false,"approval":{"source":"project","rule":{"permission":"edit","pattern":"*","action":"allow"}}},"title":"a.txt","time":{"start":1795838622080,"end":1795838622169}}}');
INSERT INTO "part" VALUES('prt_22052fa7000a0oWjC06tadcvMM','msg_22052fa700074ESM47QdI2jxnC','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638704,1795838638771,'{"reason":"tool-calls","snapshot":"afa8c43e3758fa951330bf1dbc2ffd99ee5bf202","type":"step-finish","time":{"start":1795838622059,"end":1795838622781,"elapsed":722},"metrics":{"generation":72.02216066481995,"source":"computed"},"tokens":{"total":1256,"input":1002,"output":52,"reasoning":0,"cache":{"write":0,"read":202}},"cost":0}');
INSERT INTO "part" VALUES('prt_22052fa7000bHsiaheo3x7JVph','msg_22052fa700074ESM47QdI2jxnC','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638704,1795838638777,'{"type":"patch","hash":"288d8210f68f9ac2fd2da6461719cead3383defb","files":["/home/dev/src/fork/a.txt"]}');
INSERT INTO "part" VALUES('prt_22052fa7000dYSJSzkas7H7wT5','msg_22052fa7000cBOIUhMjdd79hPQ','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638704,1795838638779,'{"snapshot":"afa8c43e3758fa951330bf1dbc2ffd99ee5bf202","type":"step-start","time":{"start":1795838623549}}');
INSERT INTO "part" VALUES('prt_22052fa7000e6NF9KKxZ5Ceiop','msg_22052fa7000cBOIUhMjdd79hPQ','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638704,1795838638780,'{"type":"tool","tool":"read","callID":"call_0030tools","state":{"status":"completed","input":{"filePath":"/home/dev/src/fork/a.txt"},"output":"<path>/home/dev/src/fork/a.txt</path>\n<type>file</type>\n<content>\n1: alpha\n2: beta\n\n(End of file - total 2 lines)\n</content>","metadata":{"preview":"alpha\nbeta","truncated":false,"loaded":[],"display":{"type":"file","path":"/home/dev/src/fork/a.txt","text":"alpha\nbeta","lineStart":1,"lineEnd":2,"totalLines":2,"truncated":false},"approval":{"source":"agent","agent":"code","rule":{"permission":"read","pattern":"*","action":"allow"}}},"title":"a.txt","time":{"start":1795838623656,"end":1795838623755}}}');
INSERT INTO "part" VALUES('prt_22052fa7000f3UelUr8jVNfaa6','msg_22052fa7000cBOIUhMjdd79hPQ','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638704,1795838638790,'{"reason":"tool-calls","snapshot":"afa8c43e3758fa951330bf1dbc2ffd99ee5bf202","type":"step-finish","time":{"start":1795838623549,"end":1795838624182,"elapsed":633},"metrics":{"generation":83.72827804107425,"source":"computed"},"tokens":{"total":1259,"input":1003,"output":53,"reasoning":0,"cache":{"write":0,"read":203}},"cost":0}');
INSERT INTO "part" VALUES('prt_22052fa70011JT8L1M6JQ3wObU','msg_22052fa70010ER32YPMBLbaUFW','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638704,1795838638801,'{"snapshot":"afa8c43e3758fa951330bf1dbc2ffd99ee5bf202","type":"step-start","time":{"start":1795838625990}}');
INSERT INTO "part" VALUES('prt_22052fa70012orTc7O512H8lyQ','msg_22052fa70010ER32YPMBLbaUFW','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638704,1795838638805,'{"type":"tool","tool":"edit","callID":"call_0040tools","state":{"status":"completed","input":{"filePath":"/home/dev/src/fork/a.txt","oldString":"beta","newString":"gamma"},"output":"Edit applied successfully.","metadata":{"diagnostics":{},"filediff":{"file":"/home/dev/src/fork/a.txt","additions":1,"deletions":1,"patch":"Index: /home/dev/src/fork/a.txt\n===================================================================\n--- /home/dev/src/fork/a.txt\n+++ /home/dev/src/fork/a.txt\n@@ -1,2 +1,2 @@\n alpha\n-beta\n+gamma\n"},"truncated":false,"approval":{"source":"project","rule":{"permission":"edit","pattern":"*","action":"allow"}}},"title":"a.txt","time":{"start":1795838626079,"end":1795838626261}}}');
INSERT INTO "part" VALUES('prt_22052fa700131cBqZi8e30Ef1B','msg_22052fa70010ER32YPMBLbaUFW','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638704,1795838638806,'{"reason":"tool-calls","snapshot":"f9303b860bb6e55fc351ceb324dd239c4b3686b9","type":"step-finish","time":{"start":1795838625990,"end":1795838627100,"elapsed":1110},"metrics":{"generation":48.648648648648646,"source":"computed"},"tokens":{"total":1262,"input":1004,"output":54,"reasoning":0,"cache":{"write":0,"read":204}},"cost":0}');
INSERT INTO "part" VALUES('prt_22052fa70014vs8lsRLFI4YeXk','msg_22052fa70010ER32YPMBLbaUFW','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638704,1795838638808,'{"type":"patch","hash":"afa8c43e3758fa951330bf1dbc2ffd99ee5bf202","files":["/home/dev/src/fork/a.txt"]}');
INSERT INTO "part" VALUES('prt_22052fa70016xpVRECVLbXzGJ3','msg_22052fa70015UphmfLsxxF3ILt','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638717,1795838638826,'{"snapshot":"f9303b860bb6e55fc351ceb324dd239c4b3686b9","type":"step-start","time":{"start":1795838628036}}');
INSERT INTO "part" VALUES('prt_22052fa7d001LgjOjWa3AcZ2rD','msg_22052fa70015UphmfLsxxF3ILt','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638717,1795838638827,'{"type":"text","text":"All done.","time":{"start":1795838628053,"end":1795838628090}}');
INSERT INTO "part" VALUES('prt_22052fa7d002S9YkTkCGAMYcUh','msg_22052fa70015UphmfLsxxF3ILt','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838638717,1795838638828,'{"reason":"stop","snapshot":"f9303b860bb6e55fc351ceb324dd239c4b3686b9","type":"step-finish","time":{"start":1795838628036,"end":1795838628353,"elapsed":318},"metrics":{"generation":172.9559748427673,"source":"computed"},"tokens":{"total":1265,"input":1005,"output":55,"reasoning":0,"cache":{"write":0,"read":205}},"cost":0}');
INSERT INTO "part" VALUES('prt_220533f33001vjvPn0xHW1Sttz','msg_220533f04001fv3iwR4oOwykhh','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838656317,1795838656324,'{"type":"text","text":"\"in the fork [[S:second]]\""}');
INSERT INTO "part" VALUES('prt_2205342e30017OnhTNgIcD3mw0','msg_2205340440012m3j8Ooun5SPke','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838657252,1795838657254,'{"snapshot":"f9303b860bb6e55fc351ceb324dd239c4b3686b9","type":"step-start","time":{"start":1795838657251}}');
INSERT INTO "part" VALUES('prt_2205342ef001MKiXxV5CiWgaQR','msg_2205340440012m3j8Ooun5SPke','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838657263,1795838657273,'{"type":"text","text":"Second answer.","time":{"start":1795838657263,"end":1795838657271}}');
INSERT INTO "part" VALUES('prt_2205343f9001loBt1lLIQXVPW9','msg_2205340440012m3j8Ooun5SPke','ses_ddfad05f9ffesYmnkpu29Ot5Oq',1795838657529,1795838657531,'{"reason":"stop","snapshot":"f9303b860bb6e55fc351ceb324dd239c4b3686b9","type":"step-finish","time":{"start":1795838657251,"end":1795838657526,"elapsed":275},"metrics":{"generation":203.63636363636363,"source":"computed"},"tokens":{"total":1268,"input":1006,"output":56,"reasoning":0,"cache":{"write":0,"read":206}},"cost":0.0039198}');
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
INSERT INTO "project" VALUES('933a2b156edbf9e2992bb33621f22c499b1544ed','/home/dev/src/fork','git',NULL,NULL,NULL,NULL,1795838598512,1795838636245,NULL,'[]',NULL);
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
INSERT INTO "session" VALUES('ses_ddfad958affeUxPvEARYM43bhu','933a2b156edbf9e2992bb33621f22c499b1544ed',NULL,NULL,'swift-orchid','/home/dev/src/fork','','New session - 2026-11-28T04:03:21.845Z','7.7.9',NULL,2,0,1,NULL,NULL,1.93244999999999979289e-02,5015,265,0,1015,0,NULL,'[{"permission":"question","pattern":"*","action":"deny"},{"permission":"suggest","pattern":"*","action":"deny"},{"permission":"plan_enter","pattern":"*","action":"deny"},{"permission":"plan_exit","pattern":"*","action":"deny"}]','code','{"id":"mock-1","providerID":"mock","variant":"default"}',1795838601845,1795838628132,NULL,NULL);
INSERT INTO "session" VALUES('ses_ddfad05f9ffesYmnkpu29Ot5Oq','933a2b156edbf9e2992bb33621f22c499b1544ed',NULL,NULL,'curious-canyon','/home/dev/src/fork','','New session - 2026-11-28T04:03:21.845Z (fork #1)','7.7.9',NULL,2,0,1,NULL,NULL,0.0039198,6021,321,0,1221,0,NULL,NULL,'code','{"id":"mock-1","providerID":"mock","variant":"default"}',1795838638599,1795838657284,NULL,NULL);
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
