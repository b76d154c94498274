// The rating page. Texts are only ever set as text. Every click is first put into the browser's own storage and taken
// out again when the server has it, so that neither a reload nor a server that is away loses one.

const $ = (id) => document.getElementById(id);
const HERE = location.pathname.replace(/[^/]*$/, "");
const CHOICES = [["left", "A is better"], ["equal", "Equally good"], ["right", "B is better"]];
const SECTIONS = ["welcome", "screen", "end"];
let study = null;
let at = 0;

// --- clicks that the server does not have yet

const memory = new Map();
let storage = null;
try { storage = window.localStorage; storage.setItem(`${HERE}try`, ""); storage.removeItem(`${HERE}try`); } catch { storage = null; }
const keep = (key, value) => (storage ? storage.setItem(HERE + key, value) : memory.set(HERE + key, value));
const drop = (key) => (storage ? storage.removeItem(HERE + key) : memory.delete(HERE + key));
const read = (key) => (storage ? storage.getItem(HERE + key) : memory.get(HERE + key) ?? null);
const keys = () => (storage ? Object.keys(storage) : [...memory.keys()]).filter((key) => key.startsWith(`${HERE}click `)).sort();
const waiting = () => keys().map((key) => JSON.parse(read(key.slice(HERE.length))));

let count = 0;
function newId() {
  // Ids sort by time; crypto.randomUUID is missing on pages without TLS.
  const chance = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  count += 1;
  return `${Date.now().toString().padStart(15, "0")}-${String(count).padStart(5, "0")}-${chance}`;
}

function give(number, question, value) {
  study.screens[number].given[question] = value;
  const click = { id: newId(), rater: study.rater, screen: number, question, value };
  keep(`click ${click.id}`, JSON.stringify(click));
  send();
}

let sending = false;
let trouble = "";
async function send() {
  if (sending) return tell();
  sending = true;
  let wait = 300;
  for (let next; (next = waiting()[0]); tell()) {
    tell();
    const outcome = await post("click", next);
    if (outcome.kept || outcome.refused) {
      drop(`click ${next.id}`);
      trouble = outcome.kept ? "" : `Not taken: ${outcome.error}`;
      wait = 300;
    } else {
      trouble = outcome.error;
      tell();
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(wait * 1.6, 5000);
    }
  }
  sending = false;
  tell();
}

async function post(path, body) {
  const stop = new AbortController();
  const clock = setTimeout(() => stop.abort(), 20000);
  try {
    const answer = await fetch(path, { method: "POST", body: JSON.stringify(body), signal: stop.signal });
    if (answer.ok) return { kept: true, ...(await answer.json()) };
    if (answer.status === 403) return { error: "this link is no longer valid" };
    const refused = answer.status === 400 || answer.status === 413;
    return { refused, error: refused ? (await answer.json().catch(() => ({}))).error ?? "not understood" : "the server is busy" };
  } catch {
    return { error: "no connection" };
  } finally {
    clearTimeout(clock);
  }
}

function tell() {
  const left = keys().length;
  $("kept").className = left && trouble ? "waiting" : "";
  $("kept").textContent = left && trouble ? `${left} not saved yet: ${trouble}. Trying again.` : left ? "saving" : trouble || "all saved";
}

// --- what is shown

const asked = (screen) => (screen.answers.length === 2 ? ["choice"] : study.questions.map((question) => question.name));
const missing = (number) => asked(study.screens[number]).filter((name) => !study.screens[number].given[name]);
const open = () => study.screens.map((_, number) => number).filter((number) => missing(number).length);

function node(kind, properties = {}, ...children) {
  const made = Object.assign(document.createElement(kind), properties);
  made.append(...children);
  return made;
}

function only(name) {
  for (const id of SECTIONS) $(id).hidden = id !== name;
  document.querySelector("header").hidden = name === "welcome";
}

function progress() {
  const done = study.screens.length - open().length;
  $("progress").max = study.screens.length;
  $("progress").value = done;
  $("where").textContent = `Screen ${at + 1} of ${study.screens.length}, ${done} done`;
}

function show(number) {
  at = number;
  const screen = study.screens[at];
  const pair = screen.answers.length === 2;
  $("task").textContent = pair ? "Which answer is better?" : "How good is this answer?";
  $("prompt").textContent = study.prompts[screen.prompt];
  $("prompt").scrollTop = 0;
  $("answers").replaceChildren(...screen.answers.map((text, place) => answer(text, pair ? `Answer ${"AB"[place]}` : "Answer")));
  $("questions").replaceChildren(...(pair ? [choice(screen)] : study.questions.map((question) => score(question, screen))));
  $("comment").value = screen.given.comment ?? "";
  $("remark").open = Boolean(screen.given.comment);
  $("missing").textContent = "";
  $("back").disabled = at === 0;
  $("skip").hidden = !missing(at).length;
  only("screen");
  progress();
  mark();
  scrollTo(0, 0);
  $("screen").focus({ preventScroll: true });
}

function answer(text, title) {
  const empty = !text.trim();
  const body = node("div", { className: empty ? "text empty" : "text", dir: "auto", textContent: empty ? "(an empty answer)" : text });
  return node("article", { className: "answer" }, node("h3", { textContent: title }), body);
}

function score(question, screen) {
  const words = question.name.replaceAll("_", " / ");
  const legend = node("legend", {}, words[0].toUpperCase() + words.slice(1), node("span", { textContent: ` · ${question.means}` }));
  const buttons = ["1", "2", "3", "4", "5"].map((value) => button(question.name, value, value, screen));
  const ends = node("div", { className: "ends" }, node("span", { textContent: `1 = ${question.one}` }), node("span", { textContent: `5 = ${question.five}` }));
  return node("fieldset", { name: question.name }, legend, node("div", { className: "scale" }, ...buttons), ends);
}

function choice(screen) {
  const buttons = CHOICES.map(([value, words], place) => {
    const made = button("choice", value, words, screen);
    made.append(" ", node("kbd", { textContent: `key ${place + 1}` }));
    return made;
  });
  return node("fieldset", { name: "choice" }, node("legend", { textContent: "All in all" }), node("div", { className: "scale" }, ...buttons));
}

function button(name, value, words, screen) {
  const input = node("input", { type: "radio", name, value, checked: screen.given[name] === value });
  input.addEventListener("change", () => chosen(name, value));
  return node("label", {}, input, words);
}

function chosen(name, value) {
  give(at, name, value);
  $("missing").textContent = "";
  $("skip").hidden = !missing(at).length;
  progress();
  mark();
}

const fields = () => [...$("questions").querySelectorAll("fieldset")];

// The question that a number key answers: the one that has the focus, else the first without an answer.
function current() {
  const focused = document.activeElement?.closest?.("fieldset");
  return focused ?? fields().find((field) => missing(at).includes(field.name)) ?? null;
}

function mark() {
  const active = current();
  for (const field of fields()) field.classList.toggle("asked", field === active);
}

function next() {
  const lacking = missing(at);
  if (lacking.length) {
    $("missing").textContent = lacking.length === 1 ? "One question is still open." : `${lacking.length} questions are still open.`;
    fields().find((field) => field.name === lacking[0]).querySelector("input").focus();
    return;
  }
  forward();
}

function forward() {
  remark();
  if (at + 1 < study.screens.length) show(at + 1);
  else finish();
}

function finish() {
  const left = open().length;
  $("thanks").textContent = left ? "Nearly done" : "Thank you, that was all";
  $("left").textContent = left ? `${left} of ${study.screens.length} screens are still open.` : `All ${study.screens.length} screens are answered. You can close this page.`;
  $("open").hidden = !left;
  progress();
  $("where").textContent = `${study.screens.length - left} of ${study.screens.length} screens done`;
  only("end");
  $("end").focus();
}

// --- comments are saved while they are written

let clock = 0;
function remark() {
  clearTimeout(clock);
  if (study && ($("comment").value !== (study.screens[at].given.comment ?? ""))) give(at, "comment", $("comment").value);
}

$("comment").addEventListener("input", () => { clearTimeout(clock); clock = setTimeout(remark, 500); });
$("comment").addEventListener("blur", remark);
addEventListener("pagehide", remark);

// --- keys and buttons

document.addEventListener("focusin", () => study && !$("screen").hidden && mark());
document.addEventListener("keydown", (event) => {
  if ($("screen").hidden || event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "TEXTAREA") return;
  if (/^[1-9]$/.test(event.key)) {
    const field = current() ?? (fields().length === 1 ? fields()[0] : null);
    const input = field?.querySelectorAll("input")[Number(event.key) - 1];
    if (!input) return;
    event.preventDefault();
    if (!input.checked || missing(at).includes(field.name)) {
      input.checked = true;
      chosen(field.name, input.value);
    }
    const following = fields()[fields().indexOf(field) + 1];
    (following ? following.querySelector("input:checked") ?? following.querySelector("input") : $("next")).focus();
  } else if (event.key === "Enter" && !["BUTTON", "SUMMARY"].includes(event.target.tagName)) {
    event.preventDefault();
    next();
  }
});
$("questions").addEventListener("submit", (event) => event.preventDefault());
$("next").addEventListener("click", next);
$("skip").addEventListener("click", forward);
$("back").addEventListener("click", () => { remark(); show(at - 1); });
$("open").addEventListener("click", () => show(open()[0]));
$("look").addEventListener("click", () => show(0));
$("other").addEventListener("click", () => { drop("name"); study = null; begin(); });
addEventListener("online", () => send());

// --- beginning, and coming back

async function join(name) {
  const found = await post("start", { name });
  if (!found.kept) {
    only("welcome");
    $("name").value = name;
    $("refused").textContent = found.refused ? found.error : `This did not work: ${found.error}. Try again in a moment.`;
    return;
  }
  keep("name", name);
  study = found;
  $("comment").maxLength = study.longest_comment;
  for (const click of waiting()) if (click.rater === study.rater) study.screens[click.screen].given[click.question] = click.value;
  send();
  const left = open();
  if (left.length) show(left[0]);
  else { at = study.screens.length - 1; finish(); }
}

function begin() {
  $("refused").textContent = "";
  const name = read("name");
  if (name) join(name);
  else { only("welcome"); $("name").value = ""; $("name").focus(); }
}

$("join").addEventListener("submit", (event) => {
  event.preventDefault();
  $("refused").textContent = "";
  join($("name").value);
});
begin();
