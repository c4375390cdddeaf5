// Times OpenCode's plugin against a bare append of the same bytes, in turns.
//   node plugin.mjs PLUGIN EVENTS FOLDER ROUNDS
// EVENTS holds one event a line; the plugin logs into $CLANKERS_DATA_PATH. Prints [plugin, bare], in seconds a line, of
// each round as JSON.

import * as fs from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"

const BATCH = 20 // few enough that most rounds are not interrupted
const [, , file, source, folder, rounds] = process.argv

const { event: tell, dispose } = await (await import(pathToFileURL(file))).clankers({ directory: folder })
const texts = fs.readFileSync(source, "utf8").split("\n").filter((text) => text && !text.includes("message.part.delta"))
const root = process.env.CLANKERS_DATA_PATH
const bare = join(folder, "bare.jsonl")
const log = () => join(root, fs.readdirSync(root).filter((name) => name.endsWith(".jsonl")).sort().at(-1))

async function told(events) {
  const begun = process.hrtime.bigint()
  for (const event of events) await tell({ event })
  await dispose()
  return process.hrtime.bigint() - begun
}

function appended(lines) {
  const begun = process.hrtime.bigint()
  for (const line of lines) fs.appendFileSync(bare, line)
  return process.hrtime.bigint() - begun
}

const found = []
for (let round = 0; round < Number(rounds) + 1; round++) {
  const events = Array.from({ length: BATCH }, (_, i) => JSON.parse(texts[(round * BATCH + i) % texts.length]))
  const before = found.length || round ? fs.statSync(log()).size : 0
  const ours = await told(events)
  const lines = fs.readFileSync(log()).subarray(before).toString("latin1").split(/(?<=\n)/).map((t) => Buffer.from(t, "latin1"))
  const theirs = appended(lines)
  // The first round makes the files.
  if (round) found.push([Number(ours) / lines.length / 1e9, Number(theirs) / lines.length / 1e9])
}
process.stdout.write(JSON.stringify(found) + "\n")
