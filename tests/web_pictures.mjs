// Takes pictures of the pages of `clankers web`. Arguments: the directory with the browser's packages, the address that
// signs in, the directory for the pictures, and a name and a path for each.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [, , packages, start, pictures, ...pages] = process.argv;
const require = createRequire(`${packages}/x.js`);
const load = async (name) => (await import(pathToFileURL(require.resolve(name)))).default;
const chromium = await load("@sparticuz/chromium");
const puppeteer = await load("puppeteer-core");

const browser = await puppeteer.launch({
  args: chromium.args, executablePath: await chromium.executablePath(), headless: "shell",
});
const page = await browser.newPage();
await page.setViewport({ width: 1280, height: 800 });
await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "light" }]);
await page.goto(start);
for (let i = 0; i < pages.length; i += 2) {
  await page.goto(new URL(pages[i + 1], start).href);
  await page.screenshot({ path: `${pictures}/${pages[i]}.png` });
}
await browser.close();
