// The page of an item that is over: the texts with the marks that were set in them, read only, and the keys to walk on.

import { Arrangement } from "./arrangement.js";
import { Layout } from "./layout.js";
import { markable, marksOf } from "./markable.js";
import { paint } from "./paint.js";
import { Reading } from "./reading.js";
import { listen, remap, showKeys } from "./shortcuts.js";
import { spansOf } from "./spans.js";
import { buildViews, findView } from "./views.js";

const root = document.querySelector("[data-over]");
const data = JSON.parse(document.getElementById("looked-back").textContent);

const views = buildViews(data, root, { canMark: false });
const layout = new Layout(root);
new Arrangement(root, data.outputs);
const reading = new Reading(root);

const { spans } = marksOf(data.answer, data.questions, (output, message) => findView(views, output, message));
const types = new Map(markable(data.questions).map((type) => [type.key, type]));
for (const view of views) {
  paint(view, spansOf(spans, view.output, view.message), { types, selected: null, pending: null });
}
// Marks stand in the texts as stored.
if (spans.length > 0) reading.show("raw");

const walk = (selector) => {
  const control = root.querySelector(selector);
  control?.click();
  return control !== null;
};
const keys = JSON.parse(root.dataset.keyMap);
showKeys(root, keys);
listen(
  remap({
    ArrowLeft: () => walk("[data-earlier]"),
    ArrowRight: () => walk("[data-later]"),
    "]": () => layout.next(1),
    "[": () => layout.next(-1),
    p: () => root.querySelector("#prompt").toggleAttribute("open"),
  }, keys),
  () => root.dataset.shortcuts === "true",
);
root.dataset.ready = "true";
