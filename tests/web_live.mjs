// Uses the pages of `clankers web` as a person does, while things happen, and prints as JSON what came of it. Arguments:
// the directory with the browser's packages, the address that signs in, a command that appends what is on its stdin.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [, , packages, start, ...append] = process.argv;
const require = createRequire(`${packages}/x.js`);
const load = async (name) => (await import(pathToFileURL(require.resolve(name)))).default;
const chromium = await load("@sparticuz/chromium");
const puppeteer = await load("puppeteer-core");

const browser = await puppeteer.launch({
  args: chromium.args, executablePath: await chromium.executablePath(), headless: "shell",
});
const page = await browser.newPage();
page.setDefaultTimeout(60_000);
const seen = { problems: [] };
page.on("console", (message) => seen.problems.push(`console: ${message.text()}`));
page.on("pageerror", (error) => seen.problems.push(`error: ${error}`));
const open = (path) => page.goto(new URL(path, start).href);
const shows = (text, within = "main") =>
  page.waitForFunction((what, where) => document.querySelector(where)?.textContent.includes(what), {}, text, within);
const prompt = (session, text) => {
  const event = { hook_event_name: "UserPromptSubmit", session_id: session, prompt: text, cwd: "/src/shop" };
  const done = spawnSync(append[0], append.slice(1), { input: JSON.stringify(event) });
  if (done.status) throw new Error(String(done.stderr));
};

await page.goto(start);
seen.address = page.url(); // without the token

// A session appears in the list while its client runs, and grows on its own page.
await open("/sessions");
await page.waitForNetworkIdle({ idleTime: 300, concurrency: 1 }); // the stream stays open
prompt("live-1", "first words");
await shows("first words");
seen.marked = await page.$eval("tr[data-key='live-1'] .live", (one) => one.textContent);
await open("/sessions/live-1");
await page.waitForNetworkIdle({ idleTime: 300, concurrency: 1 });
await page.evaluate(() => { window.kept = document.querySelector("#items article"); });
prompt("live-1", "second words");
await shows("second words", "#items");
seen.kept = await page.evaluate(() => window.kept.isConnected); // what did not change was left alone

// Filters are in the address, and Back takes them away.
await open("/sessions");
await Promise.all([page.waitForNavigation(), page.select("select[name=source]", "opencode")]);
seen.filtered = new URL(page.url()).search;
await page.goBack();
seen.back = new URL(page.url()).search;

// The list as one types; / leads to the search from anywhere.
await page.type("input[name=q]", "login");
await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
seen.typed = new URL(page.url()).search;
await open("/sessions/ses_talk");
await Promise.all([page.waitForNavigation(), page.keyboard.press("/")]);
await page.type("input[name=q]", "login");
await page.waitForSelector("mark");
seen.found = await page.$eval("mark", (one) => one.textContent);

// A link to a call opens it; e unfolds all.
await open("/sessions/ses_talk");
await page.click(".failures a");
seen.jumped = await page.$eval("#i-prt_25", (one) => one.open);
await page.keyboard.press("e");
seen.unfolded = await page.$$eval("#items details", (all) => all.every((one) => one.open));

// A subagent's conversation is shown where it was called, once it is unfolded.
await open("/sessions/ses_parent");
await page.click("details.subagent > summary");
await shows("words of the subagent", "details.subagent");

// The rest of a long conversation comes as one scrolls.
await open("/sessions/ses_long");
seen.first = await page.$$eval("#items > article", (all) => all.length);
await page.waitForFunction(() => {
  scrollTo(0, document.documentElement.scrollHeight);
  return document.querySelector("#items").textContent.includes("prompt 119");
});

// Without scripts all is there to read.
await page.setJavaScriptEnabled(false);
await open("/sessions/ses_talk");
seen.plain = await page.$eval("#items", (one) => one.textContent.includes("A plan with"));
seen.buttons = (await page.$$("button:not([hidden])")).length;
await page.click(".rail summary"); // folding is HTML's own
await open("/sessions/ses_long");
await Promise.all([page.waitForNavigation(), page.click("[data-window=later] a")]);
seen.later = new URL(page.url()).search;
await browser.close();
console.log(JSON.stringify(seen));
