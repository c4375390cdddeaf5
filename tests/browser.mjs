// Opens a page in a browser, in several ways, and tells as JSON what there is to see. Arguments: the directory with
// the browser's packages, the page.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [, , packages, file] = process.argv;
const require = createRequire(`${packages}/x.js`);
const load = async (name) => (await import(pathToFileURL(require.resolve(name)))).default;
const chromium = await load("@sparticuz/chromium");
const puppeteer = await load("puppeteer-core");

// In the page: how far the text of each element stands out from what is behind it, as WCAG counts it.
const contrasts = () => {
  const parse = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.body.querySelectorAll("*")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), `${element.tagName}.${element.className}`]);
  }
  return found.sort((x, y) => x[0] - y[0])[0];
};

const browser = await puppeteer.launch({
  args: chromium.args, executablePath: await chromium.executablePath(), headless: "shell",
});
const told = { problems: [], looks: [] };
const page = await browser.newPage();
page.on("console", (message) => told.problems.push(`console: ${message.text()}`));
page.on("pageerror", (error) => told.problems.push(`error: ${error}`));
page.on("request", (request) => request.url().startsWith("file:") || told.problems.push(`request: ${request.url()}`));
for (const scheme of ["light", "dark"]) {
  for (const width of [320, 390, 1200]) {
    await page.setViewport({ width, height: 800, isMobile: width < 500 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.goto(pathToFileURL(file).href);
    const folded = await page.evaluate(() => document.documentElement.scrollHeight);
    await page.evaluate(() => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
    told.looks.push({
      scheme, width, folded,
      wide: await page.evaluate(() => document.documentElement.scrollWidth),
      unfolded: await page.evaluate(() => document.documentElement.scrollHeight),
      back: await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
      contrast: await page.evaluate(contrasts),
    });
  }
}
await page.goto(pathToFileURL(file).href);
await page.emulateMediaType("print");
told.print = await page.evaluate(() => ({
  hidden: [...document.querySelectorAll("details pre")].filter((one) => !one.checkVisibility()).length,
  back: getComputedStyle(document.body).backgroundColor,
  contrast: null,
}));
told.print.contrast = await page.evaluate(contrasts);
await browser.close();
console.log(JSON.stringify(told));
