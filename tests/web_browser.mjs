// Looks at the pages of `clankers web` in a browser and prints as JSON what there is to see. Arguments: the directory
// with the browser's packages, the address that signs in, the directory for pictures or an empty text, the paths.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [, , packages, start, pictures, ...paths] = process.argv;
const require = createRequire(`${packages}/x.js`);
const load = async (name) => (await import(pathToFileURL(require.resolve(name)))).default;
const chromium = await load("@sparticuz/chromium");
const puppeteer = await load("puppeteer-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const browser = await puppeteer.launch({
  args: chromium.args, executablePath: await chromium.executablePath(), headless: "shell",
});
const seen = { problems: [], looks: [], violations: [] };
const page = await browser.newPage();
page.on("console", (message) => seen.problems.push(`${page.url()} console: ${message.text()}`));
page.on("pageerror", (error) => seen.problems.push(`${page.url()} error: ${error}`));
page.on("request", (request) => {
  if (new URL(request.url()).origin !== new URL(start).origin) seen.problems.push(`request: ${request.url()}`);
});

// In the page: texts that stand on one another, and texts that are cut without an ellipsis or a scrollbar.
const layout = () => {
  const clips = (element) => ["hidden", "clip"].includes(getComputedStyle(element).overflowX);
  const boxes = [];
  const cut = [];
  for (const element of document.body.querySelectorAll("*")) {
    const style = getComputedStyle(element);
    const own = [...element.childNodes].filter((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own.length || element.closest("svg, select, .skip, .unseen") || !element.checkVisibility({ opacityProperty: true })) continue;
    if (clips(element) && element.scrollWidth > element.clientWidth + 1 && style.textOverflow !== "ellipsis") {
      cut.push(`${element.tagName}.${element.className}: ${element.textContent.slice(0, 40)}`);
    }
    const range = document.createRange();
    range.selectNodeContents(own[0]);
    let within = { left: 0, right: innerWidth, top: -Infinity, bottom: Infinity };
    for (let one = element; one; one = one.parentElement) {
      const box = one.getBoundingClientRect();
      const shown = getComputedStyle(one);
      if (shown.overflowX !== "visible") within = { ...within, left: Math.max(within.left, box.left), right: Math.min(within.right, box.right) };
      if (shown.overflowY !== "visible") within = { ...within, top: Math.max(within.top, box.top), bottom: Math.min(within.bottom, box.bottom) };
    }
    for (const box of range.getClientRects()) {
      const [left, right] = [Math.max(box.left, within.left), Math.min(box.right, within.right)];
      const [top, bottom] = [Math.max(box.top, within.top), Math.min(box.bottom, within.bottom)];
      if (right - left > 1 && bottom - top > 1) boxes.push({ left, right, top, bottom, element, fixed: style.position });
    }
  }
  const over = [];
  boxes.sort((a, b) => a.top - b.top);
  for (let i = 0; i < boxes.length; i += 1) {
    for (let j = i + 1; j < boxes.length && boxes[j].top < boxes[i].bottom; j += 1) {
      const [a, b] = [boxes[i], boxes[j]];
      if (a.element === b.element || a.element.contains(b.element) || b.element.contains(a.element)) continue;
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 2 && high > 4) over.push(`${a.element.textContent.slice(0, 30)} | ${b.element.textContent.slice(0, 30)}`);
    }
  }
  return { over: over.slice(0, 5), cut: cut.slice(0, 5), wide: document.documentElement.scrollWidth };
};

await page.goto(start);
for (const [number, path] of paths.entries()) {
  for (const scheme of ["light", "dark"]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.setViewport({ width: 1280, height: 900 });
    await page.goto(new URL(path, start).href);
    const widths = pictures ? [360, 390, 1280, 1920] : scheme === "light" ? [360, 1280] : [1280];
    for (const width of widths) {
      await page.setViewport({ width, height: 900 });
      const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      seen.looks.push({ path, scheme, width, back, ...(scheme === "light" ? await page.evaluate(layout) : {}) });
      if (pictures) await page.screenshot({ path: `${pictures}/${number}-${scheme}-${width}.png` });
    }
    await page.evaluate(axe);
    const only = scheme === "dark" ? { runOnly: ["color-contrast"] } : {}; // all else is as in light
    const found = await page.evaluate((more) => window.axe.run({ resultTypes: ["violations"], ...more }), only);
    for (const one of found.violations) {
      seen.violations.push(`${path} ${scheme} ${one.id}: ${one.nodes.slice(0, 2).map((node) => node.html.slice(0, 160)).join(" ")}`);
    }
  }
}
await browser.close();
console.log(JSON.stringify(seen));
