// Holds our composition against another over the corpus: they agree but where `DIFFERENCES.md` says why we are right.
// `UPDATE_EXPECT=1 node --test` rewrites the differences; the reasons are for authors to write.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { cases, differences } from "./compare.mjs";

const page = new URL("DIFFERENCES.md", import.meta.url);
const text = readFileSync(page, "utf8");
const [introduction, ...sections] = text.split(/^## /m);
const known = new Map(
  sections.map((section) => {
    const [, name, reason, lines] = section.match(/^(\S+)\n\n([\s\S]*?)\n*```diff\n([\s\S]*?)\n```/);
    return [name, { reason: reason.trim(), lines: lines.split("\n") }];
  }),
);
const names = cases();

if (process.env.UPDATE_EXPECT) {
  const found = names.map((name) => [name, differences(name)]).filter(([, lines]) => lines.length > 0);
  const written = found.map(
    ([name, lines]) => `## ${name}\n\n${known.get(name)?.reason ?? "Why?"}\n\n\`\`\`diff\n${lines.join("\n")}\n\`\`\`\n`,
  );
  writeFileSync(page, [introduction, ...written].join("").replace(/\n## /g, "\n## ").replace(/```\n## /g, "```\n\n## "));
}

test("the corpus has cases", () => assert.ok(names.length > 100));

for (const name of names) {
  test(name, () => assert.deepEqual(differences(name), known.get(name)?.lines ?? []));
}

for (const [name, { reason }] of known) {
  test(`${name}: the difference has a reason`, () => {
    assert.ok(names.includes(name), "there is no such case");
    assert.ok(reason.length > 10, "the reason is missing");
  });
}
