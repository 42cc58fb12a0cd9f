/**
 * `node scripts/prose.mjs [FILE...]`: checks README.md, CONTRIBUTING.md, docs/*.md and the sources in src, or the files given.
 * Each finding is one line, FILE:LINE: what is wrong. Exit status 1 when there is a finding.
 *
 * Language: no sentence and no table cell over 30 words, no banned phrase, no wrapped paragraph.
 * Truth: links, headings, files of the repository, npm scripts, commands and flags that a page names exist.
 * Sources (`*.ts`): docstrings keep the rules of language, and begin with a verb or the name of the thing.
 */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

import { root } from "./steps.mjs";

const MOST_WORDS = 30;

/** Phrases of the old dialect, each with the words to use instead. */
const BANNED = [
  [/\banew\b/iu, "again"],
  [/\bthrown away\b|\bthrows? away\b/iu, "discarded"],
  [/\b(?:goes|go|went|going) on(?! to\b| and on\b)/iu, "continues"],
  [/\blearnt\b/iu, "learned"],
  [
    /\bbehind (?:a|an|the|each|every|its) (?:close|tag|draft|step|sentence|segment|token|hand-off|prompt|word|space|full stop)\b/iu,
    "after",
  ],
  [/\bis no (?:error|draw|name|list)\b/iu, "is not a/an"],
];

/** `NAME`, `AREA`: to be filled in by the reader. */
const PLACEHOLDER = /\b(?:NAME|AREA|FILE|FOLDER)\b/u;

const problems = [];

function check(file) {
  const lines = readFileSync(join(root, file), "utf8").split("\n");
  const report = (index, message) => problems.push(`${file}:${index + 1}: ${message}`);
  if (file === "docs/architecture.md") checkTree(lines, report);
  let fence = false;
  let previous = "blank";
  lines.forEach((line, index) => {
    const kind = kindOf(line, previous, fence);
    if (kind === "fence") fence = !fence;
    if (kind === "code") checkCode(line, index, report);
    else if (kind !== "fence") checkText(file, line, kind, index, report);
    if (kind === "text" && (previous === "text" || previous === "item"))
      report(index, "a wrapped line: one paragraph or list item is one line");
    previous = kind;
  });
}

/** The tree in docs/architecture.md names every folder of `src`, down to the second level. */
function checkTree(lines, report) {
  const heading = lines.indexOf("## The tree");
  const tree = lines.slice(heading, lines.indexOf("## Rooms")).join("\n");
  const parts = tree.split(/\n {4}(?=\S)/u);
  for (const room of foldersIn("src")) {
    const part = parts.find((one) => one.startsWith(`src/${room}/`)) ?? "";
    const missing = foldersIn(`src/${room}`).filter((folder) => !part.includes(`${folder}/`));
    if (part === "") report(heading, `the tree does not name src/${room}`);
    for (const folder of missing) report(heading, `the tree does not name src/${room}/${folder}`);
  }
}

const foldersIn = (folder) =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

/** Docstrings of a source file. A list item, a tag and a paragraph each begin a sentence. */
function checkSource(file) {
  const source = readFileSync(join(root, file), "utf8");
  for (const { 0: comment, index } of source.matchAll(/\/\*\*.*?\*\//gsu)) {
    const at = source.slice(0, index).split("\n").length - 1;
    const report = (_, message) => problems.push(`${file}:${at + 1}: ${message}`);
    const text = comment
      .replace(/^\/\*\*|\*\/$/gu, "")
      .replace(/^\s*\* ?/gmu, "")
      .replace(/^ {4,}.*$/gmu, "")
      .replace(/\{@\w+ [^}]*\}/gu, "CODE")
      .trim();
    if (/^(?:Of|As|What|For) /u.test(text))
      report(at, `a docstring that begins with "${text.slice(0, 30)} ..."`);
    for (const part of text.split(/\n\s*\n|\n(?=@|- |\d\. )/u))
      checkLanguage(plain(part), "text", at, report);
  }
}

function kindOf(line, previous, fence) {
  if (/^\s*```/u.test(line)) return "fence";
  if (fence) return "code";
  if (line.trim() === "") return previous === "code" ? "code" : "blank";
  if (/^#{1,6} /u.test(line)) return "heading";
  if (/^\s*\|/u.test(line)) return "table";
  if (/^\s*(?:[-*]|\d+\.) /u.test(line)) return "item";
  if (/^ {4}/u.test(line) && (previous === "blank" || previous === "code" || previous === "heading"))
    return "code";
  return "text";
}

function checkText(file, line, kind, index, report) {
  checkLinks(file, line, index, report);
  for (const [, span] of line.matchAll(/`([^`]+)`/gu)) checkCode(span, index, report);
  checkLanguage(plain(line), kind, index, report);
}

function checkLanguage(text, kind, index, report) {
  for (const [pattern, instead] of BANNED) {
    const found = pattern.exec(text);
    if (found !== null) report(index, `"${found[0]}": say "${instead}"`);
  }
  if (kind === "table") {
    for (const cell of text.split("|")) tooLong(cell, "a table cell", index, report);
  } else {
    for (const sentence of sentencesOf(text)) tooLong(sentence, "a sentence", index, report);
  }
}

/** Code spans and addresses count as one word; links count as their text. */
function plain(line) {
  return line
    .replace(/^\s*(?:[-*]|\d+\.|#{1,6}) /u, "")
    .replace(/`[^`]+`/gu, "CODE")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/gu, "$1")
    .replace(/\*+/gu, "");
}

function sentencesOf(text) {
  return text.replace(/\b(e\.g|i\.e|vs|al)\./gu, "$1").split(/(?<=[.!?][)"”]?)\s+(?=[("“]?[\p{Lu}\p{N}.~])/u);
}

function tooLong(text, what, index, report) {
  const words = text.split(/\s+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  if (words.length <= MOST_WORDS) return;
  report(index, `${what} of ${words.length} words: "${words.slice(0, 6).join(" ")} ..."`);
}

function checkLinks(file, line, index, report) {
  for (const [, target = ""] of line.matchAll(/\]\(([^)\s]+)\)/gu)) {
    if (/^[a-z]+:/u.test(target)) continue;
    const [path = "", anchor] = target.split("#");
    const at = path === "" ? file : relative(root, resolve(root, dirname(file), path));
    if (!existsSync(join(root, at))) report(index, `the link ${target} leads nowhere`);
    else if (anchor !== undefined && !anchorsOf(at).has(anchor))
      report(index, `the link ${target}: ${at} has no such heading`);
  }
}

const anchors = new Map();
function anchorsOf(file) {
  const known = anchors.get(file);
  if (known !== undefined) return known;
  const found = new Set();
  for (const [, heading = ""] of readFileSync(join(root, file), "utf8").matchAll(/^#{1,6} (.*)$/gmu)) {
    const slug = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-");
    found.add(slug);
  }
  anchors.set(file, found);
  return found;
}

/** Names in code: files of the repository, npm scripts, commands and their flags. */
function checkCode(code, index, report) {
  for (const [path] of code.matchAll(
    /(?<![\w/.-])(?:src|test|bench|web|docs|scripts|models)\/[\w./-]*\w/gu,
  )) {
    if (!PLACEHOLDER.test(path) && !existsSync(join(root, path))) report(index, `there is no ${path}`);
  }
  for (const [, script = ""] of code.matchAll(/\bnpm run ([\w:-]+)/gu)) {
    if (!(script in npmScripts)) report(index, `package.json has no script ${script}`);
  }
  for (const [, call = ""] of code.matchAll(/(?<![\w./:-])splitreason ((?:[a-z-]+ ?)+.*)/gu))
    checkCall(call, index, report);
}

function checkCall(call, index, report) {
  const [first = "", second = ""] = call.split(/\s+/u);
  if (first === "help" || !/^[a-z][a-z-]*$/u.test(first)) return;
  if (!commands.has(first)) {
    report(index, `there is no command splitreason ${first}`);
    return;
  }
  const isGroup = [...commands].some((name) => name.startsWith(`${first} `));
  if (isGroup && /^[a-z][a-z-]*$/u.test(second) && !commands.has(`${first} ${second}`))
    report(index, `there is no command splitreason ${first} ${second}`);
  const own = call.split(/[|;&`]|\bsplitreason\b/u)[0] ?? "";
  for (const [flag] of own.matchAll(/(?<=\s)--[a-z][a-z-]*/gu)) {
    if (!flags.has(flag) && flag !== "--help") report(index, `no command has the flag ${flag}`);
  }
}

const npmScripts = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts;
const commands = new Set();
const flags = new Set();
for (const name of readdirSync(join(root, "src/cli"), { recursive: true })) {
  if (!name.endsWith(".ts") || name.endsWith(".test.ts")) continue;
  const source = readFileSync(join(root, "src/cli", name), "utf8");
  for (const [, parent, command] of source.matchAll(/\b(\w+)\s*\.command\("([a-z-]+)"/gu))
    commands.add(parent === "program" ? command : `${parent} ${command}`);
  for (const [, flag] of source.matchAll(/["`](?:-\w, )?(--[a-z][a-z-]*)/gu)) flags.add(flag);
}

const given = process.argv.slice(2);
const pages = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
const sources = readdirSync(join(root, "src"), { recursive: true })
  .filter((name) => String(name).endsWith(".ts") && !String(name).endsWith(".test.ts"))
  .map((name) => join("src", String(name)));
const files =
  given.length > 0
    ? given
    : ["README.md", "CONTRIBUTING.md", ...pages.map((name) => `docs/${name}`), ...sources];
for (const file of files) (file.endsWith(".ts") ? checkSource : check)(file);
for (const problem of problems) console.log(problem);
console.log(`prose: ${files.length} files, ${problems.length} findings`);
process.exitCode = problems.length > 0 ? 1 : 0;
