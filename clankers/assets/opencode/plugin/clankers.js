// Records what happens in OpenCode 1.x, or a client built on it, as lines of clankers' log; `clankers install` puts
// this file in place.
//
// It appends the lines itself, synchronously: OpenCode does not await event handlers, and a kill gives no warning. It
// throws nothing and prints nothing: whatever goes wrong with the recording, the client goes on. The format of a line
// is described in clankers' log-format.md. One named async function is all that is exported, because OpenCode takes every
// export for a plugin. OpenCode 2.x wants an object: `clankers install` replaces that function by entry-2.js for it.

import { spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import * as fs from "node:fs"
import { userInfo } from "node:os"
import { dirname, join, resolve } from "node:path"
import * as zlib from "node:zlib"

const SOURCE = "opencode" // the client: `clankers install` writes it here
const CATCH_UP = [] // the command that brings the database up to date: `clankers install` writes it here

const DAY_MS = 86_400_000
const GATHER_MS = 800 // what grows is buffered for so long, the most a kill can lose
const SYNC_MS = 1000 // a line is synced so long after it was written, the most a power loss can lose
const SYNCED = process.env.CLANKERS_FSYNC !== "off"
const BACKLOG_BYTES = 8 << 20 // kept in memory while the log cannot be written
const CRC_TAIL = ',"crc":"00000000"}\n'.length
const REPORTED_CHARS = 4 << 20 // of the latest snapshots, kept in memory to recognize their repetitions
const TRIES = 3 // writes of a line before a disk that takes only parts of it counts as full

// Left out: events about OpenCode, not about a session. All others are kept, unknown ones too.
const LEFT_OUT = new Set([
  "plugin.added", // about 45 a run
  "catalog.updated",
  "reference.updated",
  "integration.updated",
  "models-dev.refreshed",
  "installation.updated",
  "installation.update-available",
  "server.connected",
  "server.heartbeat",
  "file.watcher.updated", // the file system's word; file.edited is the agent's
  "lsp.updated",
  "lsp.client.diagnostics",
  "tui.prompt.append", // what is typed before it is sent
  "tui.toast.show",
  "tui.command.execute",
])

// Reported many times with the same content: only what differs from the one before is written.
const REPEATED = new Set(["session.updated", "session.status", "session.diff", "message.updated"])

class Recorder {
  constructor() {
    this.root = resolve(dataRoot())
    this.day = -1 // days since the epoch, of the file
    this.file = ""
    this.fd = -1
    this.inode = "" // of the open file, with its disk
    this.size = -1 // the file's size behind our last line, if no other process has written since
    this.looked = false // in this turn of the event loop
    this.lookAgain = () => (this.looked = false)
    this.unsynced = null // the timer of the next sync, where something was written since the last one began
    this.syncing = false
    this.backlog = [] // lines that could not be written yet
    this.backlogBytes = 0
    this.lost = 0 // lines that the backlog had no room for
    this.gathered = new Map() // by part and field: the event to write, and the text that has come since
    this.running = new Set() // tool parts whose start was written
    this.reported = new Map() // by type and id: the last snapshot's JSON
    this.reportedChars = 0
    this.held = new Map() // by type and id: snapshots that are not written yet
    this.busy = new Set() // sessions
    this.due = 0 // when what is gathered must be written, in milliseconds since the epoch
    this.timer = null
    this.caughtUp = 0 // when the last catch-up of the database was started
    this.projects = new Set()
    this.seen = new WeakSet() // events: a plugin installed twice hears each twice
    process.on("exit", () => quietly(() => this.exit()))
  }

  event(event, place) {
    const type = event?.type
    if (typeof type !== "string" || LEFT_OUT.has(type) || this.seen.has(event)) return
    this.seen.add(event)
    if (this.due && Date.now() >= this.due) this.flush() // a busy client's timers are late
    const properties = event.properties ?? {}
    if (type === "message.part.delta" && typeof properties.delta === "string")
      return this.gather(`${properties.partID} ${properties.field}`, event, properties.delta)
    if (type === "message.part.updated") return this.part(event, properties.part ?? {}, properties.delta !== undefined)
    if (type.startsWith("session.")) quietly(() => this.project(place))
    if (REPEATED.has(type)) return this.snapshot(event, properties)
    // The end of a message or a session, or of their process: nothing may be left in memory.
    if (!type.startsWith("message.") || type === "message.removed") this.flush()
    this.write(type, event)
    if (type === "session.idle") this.turnEnded()
  }

  // A streaming text or a running tool is reported again and again as it grows. Only the last report counts, or, if the
  // client is killed, the last that was written.
  part(event, part, streaming) {
    const running = part.type === "tool" && part.state?.status === "running"
    if (streaming || (running && this.running.has(part.id))) return this.gather(`${part.id} part`, event)
    if (running) this.running.add(part.id)
    else this.running.delete(part.id)
    const complete = part.time?.end || (part.type === "tool" && !running)
    for (const key of [...this.gathered.keys()]) {
      if (!key.startsWith(`${part.id} `)) continue
      if (complete) this.gathered.delete(key)
      else this.writeGathered(key)
    }
    this.write("message.part.updated", event)
  }

  // Most snapshots repeat the one before. What a busy session changes is held until a report includes it, or the time
  // for gathering is over; the first and the last report of a message are written at once.
  snapshot(event, properties) {
    const { info, status, sessionID = info?.sessionID ?? info?.id } = properties
    const id = info?.id ?? sessionID
    if (typeof id !== "string") return this.write(event.type, event)
    const key = `${event.type} ${id}`
    const text = JSON.stringify(event)
    const content = event.id ? text.replace(JSON.stringify(event.id), "") : text // each report has an id of its own
    const before = this.reported.get(key)
    if (before === content) return
    this.remember(key, content)
    if (status) this.busy[status.type === "idle" ? "delete" : "add"](sessionID)

    const held = this.held.get(key)
    this.held.delete(key)
    if (held && !includes({ ...event, id: held.id }, held)) quietly(() => this.write(held.type, held))
    const complete = info?.time?.completed
    if (before && info && !info.error && !complete && this.busy.has(sessionID)) {
      this.held.set(key, JSON.parse(text)) // a copy: the client goes on changing its own
      return this.flushSoon()
    }
    if (!info || complete) this.flush()
    this.write(event.type, event, text)
  }

  remember(key, content) {
    this.reportedChars += content.length - (this.reported.get(key)?.length ?? 0)
    this.reported.delete(key) // so that it becomes the latest
    this.reported.set(key, content)
    for (const [oldest, old] of this.reported) {
      if (this.reportedChars <= REPORTED_CHARS) return
      this.reported.delete(oldest)
      this.reportedChars -= old.length
    }
  }

  gather(key, event, delta) {
    const held = this.gathered.get(key)
    if (delta === undefined || !held) this.gathered.set(key, { event, texts: [delta] })
    else held.texts.push(delta)
    this.flushSoon()
  }

  flushSoon() {
    if (this.due) return
    this.due = Date.now() + GATHER_MS
    this.timer = setTimeout(() => quietly(() => this.flush()), GATHER_MS)
    this.timer.unref?.()
  }

  // Write what is gathered. A delta's line is the first of its events with all their text.
  flush() {
    if (!this.due) return
    this.due = 0
    if (this.timer) clearTimeout(this.timer)
    this.timer = null
    for (const key of [...this.gathered.keys()]) this.writeGathered(key)
    const held = [...this.held.values()]
    this.held.clear()
    for (const event of held) quietly(() => this.write(event.type, event))
  }

  // What could not be written so far has no later chance.
  end() {
    this.flush()
    this.drain()
  }

  exit() {
    this.end()
    if (this.settle() || this.syncing) fs.fsyncSync(this.fd) // one that was begun dies with the process
  }

  writeGathered(key) {
    const { event, texts } = this.gathered.get(key)
    this.gathered.delete(key)
    const joined = () => ({ ...event, properties: { ...event.properties, delta: texts.join("") } })
    // One that is not JSON does not hold up the others.
    quietly(() => this.write(event.type, event.type === "message.part.delta" ? joined() : event))
  }

  // OpenCode passes the project to a plugin once, before its first session. No event has it.
  project({ directory, worktree, project } = {}) {
    const id = project?.id ?? worktree
    if (id === undefined || this.projects.has(id)) return
    this.projects.add(id)
    this.write("plugin.project", { directory, worktree, project })
  }

  turnEnded() {
    this.sync()
    const now = Date.now()
    if (!CATCH_UP.length || now - this.caughtUp < 1000) return // a catch-up waits so long itself
    this.caughtUp = now
    spawn(CATCH_UP[0], CATCH_UP.slice(1), { detached: true, stdio: "ignore", windowsHide: true }).on("error", () => {}).unref()
  }

  write(type, payload, json) {
    const text = line(SOURCE, type, level(type, payload.properties), payload, json)
    if (this.backlog.length || this.lost) {
      this.hold(text)
      return this.drain()
    }
    try {
      this.append(text)
    } catch {
      this.hold(text)
      this.failed()
    }
  }

  hold(text) {
    this.backlog.push(Buffer.from(text)) // the next line is made in the same place
    this.backlogBytes += text.length
  }

  drain() {
    try {
      if (this.lost) {
        this.append(line("clankers", "lost", "error", { source: SOURCE, lines: this.lost, reason: "the log could not be written" }))
        this.lost = 0
      }
      while (this.backlog.length) {
        this.append(this.backlog[0])
        this.backlogBytes -= this.backlog.shift().length
      }
    } catch {
      this.failed()
    }
  }

  // The next event tries again; what is too much until then is only counted.
  failed() {
    this.close()
    while (this.backlogBytes > BACKLOG_BYTES && this.backlog.length > 1) {
      this.backlogBytes -= this.backlog.shift().length
      this.lost++
    }
  }

  syncSoon() {
    clearTimeout(this.unsynced)
    this.unsynced = setTimeout(() => quietly(() => this.sync()), SYNC_MS)
    this.unsynced.unref?.()
  }

  // Bring to the disk what was written. Nobody waits for it; on a slow disk syncs must not pile up.
  sync() {
    if (this.syncing || !this.settle()) return
    this.syncing = true
    fs.fsync(this.fd, () => {
      this.syncing = false
      if (this.unsynced) this.syncSoon()
    })
  }

  // Whether there is something to sync: the caller's business from here on.
  settle() {
    if (!this.unsynced) return false
    clearTimeout(this.unsynced)
    this.unsynced = null
    return true
  }

  append(text) {
    this.look()
    for (let i = 0; i < TRIES; i++) {
      const done = fs.writeSync(this.fd, text)
      if (SYNCED && !this.unsynced) this.syncSoon()
      if (done === text.length) {
        this.size += done
        return
      }
      this.looked = false
      // Only the newline is missing: if it does not fit either, the next writer adds it.
      if (done === text.length - 1) return quietly(() => fs.writeSync(this.fd, "\n"))
      // A short write: another writer may already stand behind it, so the complete line is written again.
      fs.writeSync(this.fd, "\n")
    }
    throw new Error("the disk takes only parts of a line")
  }

  // Have the file open that is to be written to, at the end of a line. A burst within one turn of the event loop is
  // written after one look: what others do meanwhile is as little seen as what they do between a look and a write.
  look() {
    const day = Math.floor(Date.now() / DAY_MS)
    if (this.looked && day === this.day && this.fd >= 0) return
    if (day !== this.day) {
      this.day = day
      this.file = join(this.root, `clankers-${new Date(day * DAY_MS).toISOString().slice(0, 10)}.jsonl`)
    }
    let now = fs.statSync(this.file, { throwIfNoEntry: false })
    if (identity(now) !== this.inode) {
      // None is open, or it is another day's, or was moved away.
      this.close()
      this.open()
      now = fs.fstatSync(this.fd)
      this.inode = identity(now)
      if (SYNCED && !now.size) syncDirectory(this.root) // a new file's name must not be lost with the power
    }
    // The tail of a writer that died is closed by a newline, so that the damage stays on a line of its own.
    if (now.size && now.size !== this.size && lastByte(this.fd, now.size) !== 10) fs.writeSync(this.fd, "\n")
    this.size = now.size
    if (this.looked) return
    this.looked = true
    setImmediate(this.lookAgain)
  }

  open() {
    const { O_RDWR, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = fs.constants
    const flags = O_RDWR | O_APPEND | O_NOFOLLOW
    try {
      this.fd = fs.openSync(this.file, flags)
      return
    } catch (error) {
      if (error?.code !== "ENOENT") throw error
    }
    makeDirectory(this.root)
    try {
      this.fd = fs.openSync(this.file, flags | O_CREAT | O_EXCL, 0o600)
    } catch (error) {
      if (error?.code !== "EEXIST") throw error
      this.fd = fs.openSync(this.file, flags) // made by another process just now
      return
    }
    giveToOwner(this.fd, this.root)
  }

  close() {
    const fd = this.fd
    this.fd = this.size = -1
    this.inode = ""
    if (fd < 0) return
    if (this.settle() || this.syncing) fs.fsync(fd, () => fs.close(fd, () => {}))
    else quietly(() => fs.closeSync(fd))
  }
}

function quietly(action) {
  try {
    return action()
  } catch {
    return undefined
  }
}

// Whether a report says all that one before it does: what was there is there, counts and times have grown.
function includes(now, before) {
  if (typeof now === "number" && typeof before === "number") return now >= before
  if (!isObject(now) || !isObject(before) || Array.isArray(now) !== Array.isArray(before)) return now === before
  return Object.keys(before).every((key) => Object.hasOwn(now, key) && includes(now[key], before[key]))
}

const isObject = (value) => typeof value === "object" && value !== null

function syncDirectory(path) {
  fs.open(path, "r", (error, fd) => {
    if (!error) fs.fsync(fd, () => fs.close(fd, () => {}))
  })
}

const identity = (status) => (status ? `${status.dev} ${status.ino}` : "none")

// What root makes in a user's directory is that user's, as in clankers' own (clankers/paths.py).
function giveToOwner(fd, folder) {
  if (process.getuid?.() !== 0) return
  const owner = fs.statSync(folder)
  if (owner.uid) quietly(() => fs.fchownSync(fd, owner.uid, owner.gid))
}

function makeDirectory(path) {
  if (fs.existsSync(path)) return
  makeDirectory(dirname(path))
  try {
    fs.mkdirSync(path, 0o700)
  } catch (error) {
    if (error?.code !== "EEXIST") throw error
    return
  }
  const { O_RDONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0 } = fs.constants
  const fd = fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  quietly(() => giveToOwner(fd, dirname(path)))
  fs.closeSync(fd)
}

// The same place as clankers' own (clankers/paths.py), which also refuses what is no path: nothing is recorded then.
function dataRoot() {
  const env = process.env
  const path = env.CLANKERS_DATA_PATH ?? ""
  if (/:\/\/|^(file:|sqlite:|:|[$"']|~[^/]|\s)|[\x00-\x1f]|\s$/.test(path)) throw new Error("CLANKERS_DATA_PATH is no path")
  if (path) return path.replace(/^~(?=$|\/)/, home)
  if (process.platform === "darwin") return join(home(), "Library", "Application Support", "clankers")
  const base = env.XDG_DATA_HOME ?? ""
  return join(base.startsWith("/") ? base : join(home(), ".local", "share"), "clankers")
}

function home() {
  const path = process.env.HOME || userInfo().homedir // which throws where the list of users lacks us
  if (!path.startsWith("/")) throw new Error("no home directory is known")
  return path
}

const scratch = Buffer.allocUnsafe(64 << 10)
const DIGITS = Buffer.from("0123456789abcdef")

// A line of the log; the next one is made in the same place.
function line(source, type, level, payload, json = JSON.stringify(payload) ?? "null") {
  const now = Date.now()
  const head = `{"v":1,"id":"${uuid7(now)}","ts":"${iso}","level":"${level}"`
  const kind = JSON.stringify(type.slice(0, 200))
  const body = `${head},"source":"${source}","type":${kind},"payload":${json},"crc":"00000000"}\n`
  const fits = body.length * 3 <= scratch.length // of UTF-16, whose units are three bytes at most
  const bytes = fits ? scratch.subarray(0, scratch.write(body)) : Buffer.from(body)
  const crc = crc32(bytes.subarray(0, -CRC_TAIL))
  const end = bytes.length - 4
  for (let k = 0; k < 8; k++) bytes[end - k] = DIGITS[(crc >>> (4 * k)) & 15]
  return bytes
}

// The same judgement as clankers' own (clankers/harnesses/opencode/harness.py).
function level(type, properties) {
  if (type === "session.error") return "error"
  if (!type.startsWith("message.") && !type.startsWith("session.status")) return "info"
  if (properties?.info?.error) return "error"
  const part = properties?.part
  const metadata = part?.state?.metadata
  const stopped = metadata && typeof metadata === "object" && "exit" in metadata && metadata.exit !== 0
  const retries = properties?.status?.type === "retry"
  return part?.state?.status === "error" || part?.tool === "invalid" || stopped || retries ? "warn" : "info"
}

let lastMillisecond = -1
let iso = "" // it, as RFC 3339 has it
let hex = "" // and as a UUID
let sequence = 0

// RFC 9562, section 5.7; the 12 bits behind the version count within a millisecond, so ids sort as they were made. What
// is random in it, with the variant's bits, ends a version 4 as well.
function uuid7(now) {
  if (now === lastMillisecond) sequence = (sequence + 1) & 0xfff
  else {
    sequence = 0
    lastMillisecond = now
    iso = new Date(now).toISOString()
    hex = now.toString(16).padStart(12, "0")
    hex = `${hex.slice(0, 8)}-${hex.slice(8)}`
  }
  return `${hex}-7${sequence.toString(16).padStart(3, "0")}-${randomUUID().slice(19)}`
}

const one = Buffer.alloc(1)

function lastByte(fd, size) {
  fs.readSync(fd, one, 0, 1, size - 1)
  return one[0]
}

let table = null

function crc32(bytes) {
  if (zlib.crc32) return zlib.crc32(bytes)
  table ??= Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1
    return n
  })
  let crc = 0xffffffff
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff] ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

// One recorder for each process, even if this file is loaded more than once.
const KEY = Symbol.for("clankers.opencode.recorder")

export const clankers = async (place) => {
  const recorder = quietly(() => (globalThis[KEY] ??= new Recorder()))
  if (!recorder) return {}
  return {
    event: async (input) => quietly(() => recorder.event(input.event, place)),
    dispose: async () => quietly(() => (recorder.end(), recorder.sync())),
  }
}
