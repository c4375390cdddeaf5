// Times OpenCode's plugin against a bare append of the same events, in turns.
//   node plugin.mjs PLUGIN EVENTS FOLDER ROUNDS
// EVENTS holds one event a line; the plugin logs into $CLANKERS_DATA_PATH. Prints [plugin, bare], in seconds an event,
// of each round as JSON.

import * as fs from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"

const BATCH = 20 // few enough that most rounds are not interrupted
const [, , file, source, folder, rounds] = process.argv

const { event: tell, dispose } = await (await import(pathToFileURL(file))).clankers({ directory: folder })
const texts = fs.readFileSync(source, "utf8").split("\n").filter((text) => text && !text.includes("message.part.delta"))
const bare = join(folder, "bare.jsonl")

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
  const lines = Array.from({ length: BATCH }, (_, i) => texts[(round * BATCH + i) % texts.length] + "\n")
  const ours = await told(lines.map((line) => JSON.parse(line)))
  const theirs = appended(lines.map((line) => Buffer.from(line)))
  // The first round makes the files.
  if (round) found.push([Number(ours) / BATCH / 1e9, Number(theirs) / BATCH / 1e9])
}
process.stdout.write(JSON.stringify(found) + "\n")
