// The page: files are read one after the other, their pages appear as they come; lines, boxes and text are linked.

import {Viewer, drawn} from "./viewer.js";
import {sampleFile} from "./sample.js";

const LOW = 0.8;  // confidences below stand out
const OUTPUTS = ["txt", "md", "hocr", "alto"];
const STAGES = {useDocOrientationClassify: "Turn pages upright", useDocUnwarping: "Flatten photographs", useTextlineOrientation: "Turn lines upright"};
const $ = id => document.getElementById(id);
const viewer = new Viewer($("picture"));

let documents = [];  // {file, name, total, thumbnails, pages: {result, size, texts, confidences, checked}, whole, failed}
let shown = null;    // {document, index}
let running = null;  // AbortController of the reading under way
let rows = [], shapes = [];
let settings = {languages: {}, stages: {}, lang: "", corrections: false};
let languages = [];  // codes that were chosen; none: as the server is set, which `own` says
let own = "";

const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
const say = text => { $("status").textContent = text; };
const fail = text => { $("error").textContent = text; $("error").hidden = !text; };
function element(tag, attributes = {}, text = "") {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

// ---------------------------------------------------------------- reading

async function readAll(files) {
  running?.abort();
  const mine = running = new AbortController();
  documents = files.map(file => ({file, name: file.name?.replace(/\.[^.]*$/, "") || "page", total: 0, thumbnails: [], pages: []}));
  shown = null;
  document.body.classList.add("used");
  fail(""); $("warnings").replaceChildren();
  $("result").hidden = $("tools").hidden = $("warnings").hidden = $("thumbs").hidden = true;
  $("spin").hidden = $("cancel").hidden = false;
  const failures = [];
  try {
    for (const one of documents) {
      say(`Reading ${one.file.name || "the picture"} …`);
      try {
        await readOne(one, mine);
      } catch (error) {
        if (running !== mine) return;
        if (error.name === "AbortError") throw error;
        one.failed = error.message;
        failures.push(documents.length > 1 ? `${one.file.name}: ${error.message}` : error.message);
        listPages();
      }
      if (running !== mine) return;
    }
    summarize();
    if (failures.length) fail(`This did not work: ${failures.join("; ")}`);
  } catch {
    if (running !== mine) return;
    const read = documents.reduce((sum, one) => sum + one.pages.length, 0);
    say(read ? `${count(read, "page")} read` : "");
    fail("Stopped.");
  } finally {
    if (running === mine) { $("spin").hidden = $("cancel").hidden = $("progress").hidden = true; running = null; $("file").value = ""; }
  }
}

async function readOne(one, mine) {
  const answer = await ask({file: await base64Of(one.file), visualize: true, stream: true, thumbnails: true, outputs: OUTPUTS, lineImages: settings.corrections}, mine.signal);
  await eachLine(answer, body => { if (running === mine) take(one, body.result); });
  if (running === mine && !one.whole) throw new Error("the connection broke before the end");
}

// A request with what was chosen under "How to read".
function ask(fields, signal) {
  const chosen = languages.length ? {lang: languages} : {};
  if (!$("tier-choice").hidden && $("tier").value) chosen.tier = $("tier").value;
  for (const box of $("stages").querySelectorAll("input")) if (box.checked !== (box.dataset.usual === "true")) chosen[box.name] = box.checked;
  return fetch("ocr", {method: "POST", signal, headers: {"Content-Type": "application/json"}, body: JSON.stringify({...fields, ...chosen})});
}

function base64Of(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(new Error("the browser could not read this file"));
    reader.readAsDataURL(file);
  });
}

async function eachLine(answer, take) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let parts = [];  // of a line that has not ended: pages with their pictures are long
  for (;;) {
    const {value, done} = await reader.read();
    const lines = (value || "").split("\n");
    parts.push(lines.shift());
    while (lines.length || done) {
      const line = parts.join("").trim();
      parts = lines.length ? [lines.shift()] : [];
      if (line) {
        let body;
        try { body = JSON.parse(line); } catch { throw new Error(`${answer.status} ${answer.statusText}`); }
        if (body.errorCode) throw new Error(body.errorMsg);
        take(body);
      }
      if (done && !parts.length) return;
    }
  }
}

function take(one, result) {
  one.total = result.numPages || one.total;
  if (result.pageIndex === undefined) {
    one.whole = result;
    for (const warning of result.warnings || []) $("warnings").append(element("li", {}, warning));
    $("warnings").hidden = !$("warnings").childElementCount;
    return;
  }
  if (result.thumbnail !== undefined) {
    one.thumbnails[result.pageIndex] = result.thumbnail;
    if (result.numPages > 1) listPages();
    return;
  }
  const read = result.ocrResults[0], lines = read.prunedResult;
  one.pages.push({result: read, size: result.dataInfo, texts: [...lines.rec_texts], confidences: lines.rec_confidences || lines.rec_scores, checked: new Set()});
  listPages();
  if (shown) pager(); else show(one, 0);
  $("progress").hidden = one.total < 2;
  $("progress").max = one.total; $("progress").value = one.pages.length;
  if (one.total > 1) say(`Page ${one.pages.length} of ${one.total} …`);
}

function summarize() {
  const pages = documents.flatMap(one => one.pages);
  if (!pages.length) { say(""); return; }
  const lines = pages.reduce((sum, page) => sum + page.texts.length, 0);
  const low = pages.reduce((sum, page) => sum + page.confidences.filter((sure, i) => sure < LOW && !page.checked.has(i)).length, 0);
  say(`${count(lines, "line")} on ${count(pages.length, "page")}` + (low ? `, ${low} with a low score` : ""));
}

// ---------------------------------------------------------------- pages

const sheets = () => documents.flatMap(one => one.pages.map((_, index) => ({document: one, index})));
const place = () => sheets().findIndex(sheet => sheet.document === shown.document && sheet.index === shown.index);
const page = () => shown.document.pages[shown.index];

function listPages() {
  const items = [];
  for (const one of documents) {
    if (documents.length > 1) items.push(element("li", {class: "file"}, one.file.name + (one.failed ? " ⚠" : "")));
    for (let index = 0; index < Math.max(one.total, one.pages.length); index++) {
      const button = element("button", {type: "button"}), small = one.thumbnails[index];
      if (small) button.append(element("img", {src: `data:image/jpeg;base64,${small}`, alt: ""}));
      button.append(element("span", {}, `Page ${index + 1}`));
      const there = index < one.pages.length;
      button.disabled = !there;
      button.classList.toggle("waiting", !there);
      if (!there) button.setAttribute("aria-label", `Page ${index + 1}, not read yet`);
      if (shown?.document === one && shown.index === index) button.setAttribute("aria-current", "page");
      button.addEventListener("click", () => show(one, index));
      const item = element("li");
      item.append(button);
      items.push(item);
    }
  }
  const many = items.length > 1;
  $("thumbs").replaceChildren(...(many ? items : []));
  $("thumbs").hidden = !many;
  $("result").classList.toggle("many", many);
  // The pages are known before the first is read.
  $("result").classList.toggle("ahead", !shown);
  if (many && !shown) $("result").hidden = false;
}

function show(one, index) {
  shown = {document: one, index};
  const {result: {prunedResult: read, inputImage}, size, texts, confidences} = page();
  const svg = drawn("svg", {role: "img", preserveAspectRatio: "xMidYMin meet", "aria-label": `Page ${index + 1} with ${texts.length === 1 ? "1 box" : `${texts.length} boxes`}`});
  svg.style.aspectRatio = `${size.width} / ${size.height}`;
  svg.append(drawn("image", {href: `data:image/jpeg;base64,${inputImage}`, width: size.width, height: size.height}));
  shapes = []; rows = [];
  texts.forEach((_, i) => addLine(i, read.rec_polys[i], confidences[i]));
  svg.append(...shapes);
  $("lines").replaceChildren(...(rows.length ? rows : [element("li", {class: "none"}, "No text was found on this page.")]));
  $("lines-help").hidden = !rows.length;
  $("result").hidden = $("tools").hidden = false;
  viewer.show(svg, size.width, size.height);
  showText();
  listPages();
  pager();
  find();
}

function pager() {
  const all = sheets(), at = place(), total = documents.reduce((sum, one) => sum + Math.max(one.total, one.pages.length), 0);
  $("pager").hidden = total < 2;
  $("where").textContent = `Page ${at + 1} of ${total}`;
  $("previous").disabled = at <= 0;
  $("next").disabled = at + 1 >= all.length;
}

function step(by) {
  const sheet = sheets()[place() + by];
  if (sheet) show(sheet.document, sheet.index);
}

// ---------------------------------------------------------------- lines

function addLine(i, corners, sure) {
  const low = sure < LOW ? "low" : "";
  const shape = drawn("polygon", {points: corners.map(p => p.join(",")).join(" "), class: low});
  const row = element("li", {class: low, tabindex: i ? "-1" : "0"});
  const on = state => { shape.classList.toggle("on", state); row.classList.toggle("on", state); };
  for (const one of [shape, row]) {
    one.addEventListener("pointerenter", () => on(true));
    one.addEventListener("pointerleave", () => on(row.contains(document.activeElement)));
  }
  shape.addEventListener("pointerenter", () => row.scrollIntoView({block: "nearest"}));
  shape.addEventListener("click", () => { if (!viewer.moved) row.focus(); });
  row.addEventListener("focus", () => { rows.forEach(other => other.tabIndex = -1); row.tabIndex = 0; on(true); viewer.reveal(shape.getBBox()); });
  row.addEventListener("blur", () => on(false));
  row.addEventListener("dblclick", () => correct(i));
  row.addEventListener("keydown", event => {
    if (event.target !== row) return;
    const to = {ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: rows.length - 1}[event.key];
    if (to !== undefined && rows[to]) { event.preventDefault(); rows[to].focus(); }
    if (event.key === "Enter") { event.preventDefault(); correct(i); }
  });
  shapes.push(shape); rows.push(row);
  fill(i);
}

// Write a line's text and confidence into its row.
function fill(i) {
  const {texts, confidences, checked} = page(), row = rows[i], low = confidences[i] < LOW;
  row.classList.toggle("checked", checked.has(i));
  const percent = `${Math.floor(confidences[i] * 100)} %`;
  const sign = checked.has(i) ? "✓" : low ? `⚠ ${percent}` : percent;
  const score = element("span", {class: "score", title: checked.has(i) ? "checked" : low ? "low score: check this line" : "score"}, sign);
  score.prepend(element("span", {class: "unseen"}, checked.has(i) ? "checked " : low ? "low score " : "score "));
  const text = element("span", {class: "text", dir: "auto"}, texts[i] || "—");
  row.replaceChildren(text, score);
  const title = drawn("title");
  title.textContent = texts[i];
  shapes[i].replaceChildren(title);
}

// Edit a line in its row: Enter accepts it, Escape leaves it as it was. next: called once it is accepted.
function correct(i, next = null) {
  const row = rows[i], input = element("input", {"aria-label": "What this line says", dir: "auto", spellcheck: "false"});
  input.value = page().texts[i];
  row.querySelector(".text").replaceWith(input);
  row.classList.add("on"); shapes[i].classList.add("on");
  row.scrollIntoView({block: "nearest"});
  viewer.reveal(shapes[i].getBBox());
  input.focus(); input.select();
  const end = accepted => {
    if (!input.isConnected) return;
    if (accepted) accept(i, input.value.trim());
    fill(i);
    row.classList.remove("on"); shapes[i].classList.remove("on");
    if (accepted && next) next(); else row.focus();
  };
  input.addEventListener("keydown", event => {
    event.stopPropagation();
    if (event.key === "Enter") { event.preventDefault(); end(true); }
    if (event.key === "Escape") { event.preventDefault(); end(false); }
  });
}

function accept(i, text) {
  const {texts, checked, confidences, result} = page(), old = texts[i];
  checked.add(i);
  texts[i] = text || old;
  showText();
  summarize();
  if (!settings.corrections || texts[i] === old || !result.lineImages?.[i]) return;
  const line = {image: result.lineImages[i], text: texts[i], oldText: old, score: Math.min(1, confidences[i])};
  fetch("corrections", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(line)})
    .then(answer => answer.json())
    .then(body => { if (body.errorCode) throw new Error(body.errorMsg); say(`Saved: ${count(body.result.saved, "corrected line")} for training`); })
    .catch(error => fail(`This correction was not saved: ${error.message}`));
}

// Through the lines of this page that were not checked, the least sure first.
function checkNext() {
  const {confidences, checked} = page();
  const left = rows.map((_, i) => i).filter(i => !checked.has(i)).sort((a, b) => confidences[a] - confidences[b]);
  choose("lines");
  if (left.length) { say(`${count(left.length, "line")} of this page to check; Enter accepts, Escape ends`); correct(left[0], checkNext); }
  else { say("All lines of this page are checked."); $("check").focus(); }
}

// ---------------------------------------------------------------- text and search

// A page's text in rows and paragraphs, with what was corrected in its place.
function textOf(one) {
  let text = one.result.text ?? "", at = 0;
  one.result.prunedResult.rec_texts.forEach((old, i) => {
    const found = text.indexOf(old, at);
    if (found < 0 || !old) return;
    text = text.slice(0, found) + one.texts[i] + text.slice(found + old.length);
    at = found + one.texts[i].length;
  });
  return text;
}

const wholeText = one => one.pages.map(textOf).join("\n\n");

function marked(text, wanted) {
  const parts = document.createDocumentFragment();
  const plain = text.toLowerCase();
  let at = 0;
  for (let found = wanted ? plain.indexOf(wanted) : -1; found >= 0; found = plain.indexOf(wanted, at)) {
    parts.append(text.slice(at, found), element("mark", {}, text.slice(found, found + wanted.length)));
    at = found + wanted.length;
  }
  parts.append(text.slice(at));
  return parts;
}

function showText() { $("text").replaceChildren(marked(textOf(page()), $("search").value.trim().toLowerCase())); }

function find() {
  const wanted = $("search").value.trim().toLowerCase();
  const {texts} = page();
  rows.forEach((row, i) => {
    const text = row.querySelector(".text");
    if (text) text.replaceChildren(marked(texts[i] || "—", wanted));
    shapes[i].classList.toggle("hit", Boolean(wanted) && texts[i].toLowerCase().includes(wanted));
  });
  showText();
  const hits = matches(wanted);
  $("hits").textContent = wanted ? count(hits.length, "line") : "";
}

function matches(wanted) {
  if (!wanted) return [];
  return sheets().flatMap(sheet => sheet.document.pages[sheet.index].texts.flatMap((text, line) => text.toLowerCase().includes(wanted) ? [{...sheet, line}] : []));
}

// Go to the next line that holds what is searched for, over all pages.
let last = -1;
function findNext(back = false) {
  const hits = matches($("search").value.trim().toLowerCase());
  if (!hits.length) return;
  last = (last + (back ? hits.length - 1 : 1)) % hits.length;
  const hit = hits[last];
  if (hit.document !== shown.document || hit.index !== shown.index) show(hit.document, hit.index);
  rows.forEach((row, i) => { row.classList.toggle("on", i === hit.line); shapes[i].classList.toggle("on", i === hit.line); });
  rows[hit.line].scrollIntoView({block: "nearest"});
  viewer.reveal(shapes[hit.line].getBBox());
  $("hits").textContent = `${last + 1} of ${hits.length}`;
}

function choose(tab) {
  for (const name of ["lines", "text"]) {
    $(name).hidden = name !== tab;
    $(`tab-${name}`).setAttribute("aria-selected", String(name === tab));
    $(`tab-${name}`).tabIndex = name === tab ? 0 : -1;
  }
  $("lines-help").hidden = tab !== "lines";
}

// ---------------------------------------------------------------- downloads

function save(content, type, ending) {
  const blob = content instanceof Blob ? content : new Blob([content], {type});
  const link = element("a", {href: URL.createObjectURL(blob), download: shown.document.name + ending});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  $("downloads").open = false;
}

const bytesOf = base64 => Uint8Array.from(atob(base64), c => c.charCodeAt(0));
function saveOutput(format, type, ending) {
  const made = shown.document.whole?.outputs?.[format];
  if (made === undefined) fail("This document is not read to its end yet."); else save(made, type, ending);
}

async function savePdf() {
  const one = shown.document;
  $("spin").hidden = false; $("save-pdf").disabled = true;
  say("Making the PDF …");
  try {
    await eachLine(await ask({file: await base64Of(one.file), visualize: false, outputs: ["pdf"]}), body => {
      save(new Blob([bytesOf(body.result.outputs.pdf)], {type: "application/pdf"}), "", ".pdf");
    });
    say("The PDF is saved.");
  } catch (error) {
    fail(`This did not work: ${error.message}`);
  }
  $("spin").hidden = !running; $("save-pdf").disabled = false;
}

function saveJson() {
  const {pages, whole} = shown.document;
  const results = pages.map(one => ({prunedResult: {...one.result.prunedResult, rec_texts: one.texts}, size: {width: one.size.width, height: one.size.height}}));
  save(JSON.stringify({ocrResults: results, ...(whole ? {dataInfo: whole.dataInfo} : {})}, null, 1) + "\n", "application/json", ".json");
}

async function copyText() {
  const text = documents.filter(one => one.pages.length).map(wholeText).join("\n\n");
  try { await navigator.clipboard.writeText(text); say("The text is on the clipboard."); }
  catch {
    const box = element("textarea", {class: "unseen"});  // without https there is no clipboard of the newer kind
    box.value = text; document.body.append(box); box.select();
    const done = document.execCommand("copy"); box.remove(); $("copy").focus();
    say(done ? "The text is on the clipboard." : "The browser does not allow copying; download the text instead.");
  }
}

// ---------------------------------------------------------------- what can be chosen

function offer() {
  const names = Object.entries(settings.languages).sort((a, b) => a[1].localeCompare(b[1]));
  own = settings.lang === "auto" ? "found line by line" : settings.languages[settings.lang] || settings.lang || "as the server is set";
  $("language").replaceChildren(element("option", {value: ""}, own), ...names.map(([code, name]) => element("option", {value: code}, name)));
  const tiers = settings.tiers || [];
  $("tier").replaceChildren(...tiers.map(name => element("option", {value: name}, name)));
  $("tier").value = settings.tier || "";
  $("tier-choice").hidden = !tiers.length;
  for (const [name, usual] of Object.entries(settings.stages)) {
    const label = element("label"), box = element("input", {type: "checkbox", name, "data-usual": String(usual)});
    box.checked = usual;
    label.append(box, STAGES[name] || name);
    $("stages").append(label);
  }
  $("stages").hidden = !$("stages").querySelector("input");
}

function showLanguages() {
  $("languages").replaceChildren(...languages.map(code => {
    const item = element("li"), button = element("button", {type: "button", "aria-label": `Without ${settings.languages[code]}`}, `${settings.languages[code]} ✕`);
    button.addEventListener("click", () => { languages = languages.filter(other => other !== code); showLanguages(); });
    item.append(button);
    return item;
  }));
  $("how-now").textContent = languages.length ? `(${languages.map(code => settings.languages[code]).join(", ")})` : "";
  $("language").options[0].textContent = languages.length ? "and …" : own;
  $("language").value = "";
}

fetch("settings").then(answer => answer.json()).then(found => { settings = found; offer(); showLanguages(); }).catch(() => { $("how").hidden = true; });

// ---------------------------------------------------------------- events

$("file").addEventListener("change", event => { if (event.target.files.length) readAll([...event.target.files]); });
$("sample").addEventListener("click", async () => readAll([await sampleFile()]));
$("cancel").addEventListener("click", () => running?.abort());
$("language").addEventListener("change", event => {
  if (event.target.value && !languages.includes(event.target.value)) languages.push(event.target.value);
  showLanguages();
});
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
$("zoom-in").addEventListener("click", () => viewer.zoom(1.25));
$("zoom-out").addEventListener("click", () => viewer.zoom(0.8));
$("fit-width").addEventListener("click", () => viewer.fitWidth());
$("fit-page").addEventListener("click", () => viewer.fitPage());
$("search").addEventListener("input", () => { last = -1; find(); });
$("search").addEventListener("keydown", event => { if (event.key === "Enter") { event.preventDefault(); findNext(event.shiftKey); } });
$("check").addEventListener("click", checkNext);
$("copy").addEventListener("click", copyText);
$("save-text").addEventListener("click", () => save(wholeText(shown.document) + "\n", "text/plain;charset=utf-8", ".txt"));
$("save-md").addEventListener("click", () => saveOutput("md", "text/markdown;charset=utf-8", ".md"));
$("save-hocr").addEventListener("click", () => saveOutput("hocr", "text/html;charset=utf-8", ".hocr"));
$("save-alto").addEventListener("click", () => saveOutput("alto", "application/xml", ".alto.xml"));
$("save-json").addEventListener("click", saveJson);
$("save-pdf").addEventListener("click", savePdf);
$("save-picture").addEventListener("click", () => {
  save(new Blob([bytesOf(page().result.ocrImage)], {type: "image/jpeg"}), "", `${shown.document.pages.length > 1 ? "_" + (shown.index + 1) : ""}.jpg`);
});
for (const name of ["lines", "text"]) {
  $(`tab-${name}`).addEventListener("click", () => choose(name));
  $(`tab-${name}`).addEventListener("keydown", event => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = name === "lines" ? "text" : "lines";
    choose(other); $(`tab-${other}`).focus();
  });
}
addEventListener("keydown", event => {
  if (event.key === "/" && shown && !/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) { event.preventDefault(); $("search").focus(); }
});
addEventListener("paste", event => {
  const files = [...event.clipboardData.files];
  if (files.length) readAll(files); else if (event.target.tagName !== "INPUT") fail("There is no picture or file on the clipboard.");
});
for (const kind of ["dragenter", "dragover"]) addEventListener(kind, event => { event.preventDefault(); document.body.classList.add("over"); });
addEventListener("dragleave", event => { if (!event.relatedTarget) document.body.classList.remove("over"); });
addEventListener("drop", event => {
  event.preventDefault();
  document.body.classList.remove("over");
  const files = [...event.dataTransfer.files];
  if (files.length) readAll(files); else fail("What was dropped is no file.");
});
