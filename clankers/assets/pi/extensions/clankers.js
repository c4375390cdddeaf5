// Records what happens in pi; `clankers install pi` puts this file in place.
//
// The session file has nearly everything, so an event says only that it has new lines: at `turn_end` and
// `session_shutdown` these are on the disk. A prompt is there only once its answer begins, so it is sent as well. Nothing
// is thrown or printed: whatever goes wrong with the recording, the client goes on.

import { spawn } from "node:child_process"

const COMMAND = "" // starts the recorder, which reads an event: `clankers install` writes it here

// What is sent of each event.
const FIELDS = { session_start: ["reason"], input: ["text", "source"], turn_end: [], session_shutdown: ["reason"] }

// Settled once the recorder has the event; it runs on when the client exits.
function send(event) {
  return new Promise((settle) => {
    const child = spawn("/bin/sh", ["-c", COMMAND], { detached: true, stdio: ["pipe", "ignore", "ignore"] })
    child.on("error", settle)
    child.stdin.on("error", settle)
    child.stdin.end(JSON.stringify(event), settle)
    child.unref()
  })
}

export default function (pi) {
  for (const [type, fields] of Object.entries(FIELDS)) {
    pi.on(type, async (event, ctx) => {
      try {
        const file = ctx.sessionManager.getSessionFile()
        if (!COMMAND || !file) return // --no-session
        const session_id = ctx.sessionManager.getSessionId()
        const sent = { type, session_id, session_file: file, cwd: ctx.cwd, time: Date.now() } // events may overtake
        for (const field of fields) sent[field] = event[field]
        await send(sent)
      } catch {}
    })
  }
}
