// What HTML cannot do alone. Without it every page reads and works all the same.

const find = (selector, within = document) => [...within.querySelectorAll(selector)];

// A filter applies when it is chosen; an empty one is not worth a place in the address.
function prepareFilters() {
  for (const form of find("form[data-filters]")) {
    form.querySelector(".apply")?.setAttribute("hidden", "");
    form.addEventListener("change", (event) => event.target.matches("select") && form.requestSubmit());
    form.addEventListener("formdata", (event) => {
      for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
    });
  }
}

// What is typed is looked for at once: the part of the page that it changes is replaced.
function prepareTyping() {
  for (const field of find("input[data-type]")) {
    let timer = 0;
    let latest = null;
    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(async () => {
        const address = new URL(field.form.action);
        for (const [name, value] of new FormData(field.form)) if (value !== "") address.searchParams.append(name, value);
        latest = address;
        const next = await load(address);
        if (latest !== address || !next) return;
        replace(next);
        history.replaceState(null, "", address);
      }, 80);
    });
  }
}

function replace(next) {
  const [before, after] = [document.getElementById("results"), next.getElementById("results")];
  if (!before || !after) return;
  before.replaceWith(after);
  prepareWindows();
  lookAgain();
}

// What is still being made is looked at again.
function lookAgain() {
  if (!document.querySelector("[data-again]")) return;
  setTimeout(async () => {
    const next = await load(location.href);
    if (next && document.getElementById("results")) replace(next);
    else if (next) location.reload();
    else lookAgain();
  }, 1000);
}

// Copying: a text that the button has, that the element after its heading has, or that an address gives.
async function copy(button) {
  const { copy: text, copyFrom: address } = button.dataset;
  const label = button.textContent;
  try {
    const copied = text ?? (address ? await (await fetch(address)).text() : button.closest("section").querySelector("pre").textContent);
    await navigator.clipboard.writeText(copied);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not copied";
  }
  setTimeout(() => { button.textContent = label; }, 1500);
}

// An item that is on the page is shown at once; any other is on the page that the link leads to.
function jump(event, link) {
  const target = document.getElementById(link.hash.slice(1));
  if (!target || new URL(link.href).pathname !== location.pathname) return;
  event.preventDefault();
  show(target);
  history.replaceState(null, "", link.href);
}

function show(target) {
  for (let one = target; one; one = one.parentElement?.closest("details")) if (one.matches("details")) one.open = true;
  target.scrollIntoView({ block: "start" });
  target.classList.remove("found");
  void target.offsetWidth; // so that the mark begins again
  target.classList.add("found");
}

// A long conversation: the windows before and after this one come when they are scrolled to.
function prepareWindows() {
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) extend(entry.target, watcher);
  }, { rootMargin: "1200px" });
  for (const one of find("[data-window=later]")) watcher.observe(one);
}

async function extend(marker, watcher) {
  watcher.unobserve(marker);
  const next = await load(marker.querySelector("a").href);
  if (!next) return;
  document.querySelector("[data-items]").append(...next.querySelector("[data-items]").childNodes);
  const more = next.querySelector("[data-window=later]");
  marker.replaceWith(...(more ? [more] : []));
  if (more) watcher.observe(more);
}

async function load(address) {
  const answer = await fetch(address, { headers: { accept: "text/html" } }).catch(() => null);
  return answer?.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
}

// Live: while the page is seen, it hears which sessions changed, and takes what is new from the server.
let stream = null;
let due = 0;

function listen() {
  if (document.hidden) {
    stream?.close();
    stream = null;
  } else if (!stream && document.querySelector("[data-live], [data-session]")) {
    let again = stream === null && due > 0; // what happened in between is not told twice
    stream = new EventSource("/api/live");
    stream.addEventListener("open", () => { if (again) refresh(); again = true; });
    stream.addEventListener("change", (event) => {
      const { sessions } = JSON.parse(event.data);
      const own = document.querySelector("[data-session]")?.dataset.session;
      if (!sessions || !own || sessions.includes(own)) refresh();
    });
  }
}

// At most one question at a time; what changes meanwhile asks again.
let asking = false;
let more = false;

async function refresh() {
  due += 1;
  if (asking) { more = true; return; }
  asking = true;
  try {
    await (document.querySelector("[data-session]") ? refreshSession() : refreshPage());
  } finally {
    await new Promise((done) => setTimeout(done, document.querySelector("[data-session], .sessions") ? 150 : 2000));
    asking = false;
    if (more) { more = false; refresh(); }
  }
}

async function refreshPage() {
  if (new URLSearchParams(location.search).has("after")) return; // an old part of a list
  const next = await load(location.href);
  const [before, after] = [document.getElementById("body"), next?.getElementById("body")];
  if (!before || !after || before.contains(document.activeElement)) return;
  const rows = [before, after].map((one) => one.querySelector("tbody[data-items]"));
  if (rows[0] && rows[1]) mergeRows(...rows);
  else before.replaceWith(after);
}

// The list of sessions: the first rows are new, those that were scrolled to stay.
function mergeRows(before, after) {
  const fresh = new Set([...after.children].map((row) => row.dataset.key));
  const rest = [...before.children].slice(after.children.length).filter((row) => !fresh.has(row.dataset.key));
  before.replaceChildren(...after.children, ...rest);
}

// A session: its last items may have grown, and new ones follow, where the page shows the end.
async function refreshSession() {
  const thread = document.getElementById("conversation");
  const from = Math.max(Number(thread.dataset.end) - 5, 0);
  const address = new URL(location.pathname, location.href);
  address.searchParams.set("at", from);
  const next = await load(address);
  if (!next) return;
  for (const id of ["about", "time", "rail"]) swap(document.getElementById(id), next.getElementById(id));
  if (thread.querySelector("[data-window=later]")) return;
  const follows = innerHeight + scrollY > document.documentElement.scrollHeight - 80;
  const items = document.getElementById("items");
  const found = [...next.getElementById("items").children].slice(from ? 1 : 0); // the first has a heading of its own
  for (const item of found) {
    const old = item.id && document.getElementById(item.id);
    if (old) swap(old, item);
    else items.append(item);
  }
  items.querySelector(".nothing")?.remove();
  thread.dataset.end = next.getElementById("conversation").dataset.end;
  const later = next.querySelector("[data-window=later]");
  if (later) { thread.append(later); prepareWindows(); }
  if (follows) scrollTo({ top: document.documentElement.scrollHeight });
}

// Put `after` in the place of `before`; what was unfolded or folded stays so.
function swap(before, after) {
  if (!before || !after || before.isEqualNode(after)) return;
  const [was, is] = [before, after].map((one) => [...(one.matches("details") ? [one] : []), ...find("details", one)]);
  is.forEach((one, at) => { if (was[at]) one.open = was[at].open; });
  before.replaceWith(after);
}

// A subagent's conversation comes when it is unfolded.
async function unfoldSubagent(details) {
  const address = details.dataset.load;
  if (!address || !details.open) return;
  delete details.dataset.load;
  const inner = (await load(address))?.getElementById("items");
  if (!inner) { details.dataset.load = address; return; }
  inner.removeAttribute("id");
  details.append(inner);
}

// Keys: / searches, j and k go from prompt to prompt, e unfolds and folds all, ? lists them.
function press(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const action = { "/": search, j: () => step(1), k: () => step(-1), e: unfold }[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function search() {
  const field = document.querySelector("input[type=search]");
  if (field) field.focus();
  else location.assign("/search");
}

function step(by) {
  const tops = find("#items > article.you, .data tbody th a").map((one) => [one, one.getBoundingClientRect().top]);
  const next = by > 0 ? tops.find(([, top]) => top > 8) : tops.findLast(([, top]) => top < -8);
  if (!next) return;
  next[0].scrollIntoView({ block: "start" });
  if (next[0].matches("a")) next[0].focus();
}

function unfold() {
  const all = find("#items details:not(.subagent)");
  const open = all.some((one) => !one.open);
  for (const one of all) one.open = open;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from], [data-copy-next]");
  if (button) copy(button);
  const link = event.target.closest("a[data-jump], .timeline a");
  if (link) jump(event, link.href.baseVal ? { hash: link.href.baseVal.replace(/^[^#]*/, ""), href: new URL(link.href.baseVal, location.href).href } : link);
});
document.addEventListener("toggle", (event) => unfoldSubagent(event.target), true); // it does not bubble
document.addEventListener("keydown", press);
for (const one of find("[data-copy], [data-copy-from], [data-copy-next]")) one.hidden = false;
addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of find("form[data-filters]")) form.reset(); // Back: what the address says
});
document.addEventListener("visibilitychange", listen);
listen();
prepareFilters();
prepareTyping();
lookAgain();
prepareWindows();
const target = location.hash && document.getElementById(location.hash.slice(1));
if (target) show(target);
