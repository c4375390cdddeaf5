// Plays OpenCode for its plugin: one JSON command a line on stdin, each done before the next.
//   {"load": file, "place": {...}}  takes the file's plugin in
//   {"event": {...}, "to": n}       tells the n-th plugin
//   {"clock": ms}                   stops Date there
//   {"js": "..."}                   runs that; what it returns is printed as JSON
// What a handler throws or rejects with goes to stderr and makes the exit code 70.

import { createRequire, syncBuiltinESMExports } from "node:module"
import { createInterface } from "node:readline"
import { setTimeout as wait } from "node:timers/promises"
import { pathToFileURL } from "node:url"

const require = createRequire(import.meta.url)
const RealDate = Date
const plugins = []
const modules = []
let clock = null

globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length || clock === null ? given : [clock]))
  }

  static now() {
    return clock ?? RealDate.now()
  }
}

function trouble(error) {
  process.stderr.write(`thrown: ${error?.stack ?? error}\n`)
  process.exitCode = 70
}

// As OpenCode does it: nobody waits for the handler.
function call(action) {
  try {
    action()?.catch(trouble)
  } catch (error) {
    trouble(error)
  }
}

const tell = (event, to = 0) => call(() => plugins[to].event({ event }))
const run = Object.getPrototypeOf(async () => {}).constructor
const known = { RealDate, call, modules, plugins, require, setClock: (ms) => (clock = ms), syncBuiltinESMExports, tell, wait }

for await (const text of createInterface({ input: process.stdin })) {
  const command = JSON.parse(text)
  if (command.load !== undefined) {
    const module = await import(pathToFileURL(command.load))
    modules.push(module)
    plugins.push(await Object.values(module)[0](command.place))
  } else if (command.event !== undefined) {
    tell(command.event, command.to)
  } else if (command.clock !== undefined) {
    clock = command.clock
  } else {
    const found = await new run(...Object.keys(known), command.js)(...Object.values(known))
    if (found !== undefined) process.stdout.write(JSON.stringify(found) + "\n")
  }
}
