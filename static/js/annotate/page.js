// The annotation page: the item in work, the keys, and the turn to the next item, which takes the place of the one before.

import { Item } from "./item.js";
import { listen, remap, showKeys } from "./shortcuts.js";

const root = () => document.querySelector("[data-annotate]");
const keys = JSON.parse(root().dataset.keyMap);
let item = opened();

function opened() {
  showKeys(document, keys);
  const data = JSON.parse(document.getElementById("assignment").textContent);
  return new Item(root(), data, { onNext: turn });
}

/** On to the next item. What came of it with the answer to a submit takes the place of the last one. */
function turn({ url, page }) {
  const next = page ? new DOMParser().parseFromString(page, "text/html") : null;
  if (next?.querySelector("[data-annotate]").dataset.frame !== root().dataset.frame) {
    window.location.assign(url);
    return;
  }
  item.close();
  for (const place of [".focus-status", "#assignment", "[data-annotate]"]) {
    document.querySelector(place).replaceWith(document.adoptNode(next.querySelector(place)));
  }
  window.history.pushState(null, "", url);
  window.scrollTo(0, 0);
  // As after a page load, reading begins at the top, and keys answer the first question.
  document.getElementById("main").focus({ preventScroll: true });
  item = opened();
}

// Back and forward lead to items that are over, which only the server can show.
window.addEventListener("popstate", () => window.location.reload());

const drawer = document.getElementById("guidelines-dialog");
const isInText = () => document.activeElement?.matches?.(".text-view");
const hasResponse = (letter) => item.workbench.labels.includes(letter);
const answered = (key) => !isInText() && item.workbench.fields.answer(key);

listen(
  remap({
    "Ctrl+Enter": () => item.flow.submit(),
    // By itself only where one thing is asked, and where it does not press or open what has the focus.
    Enter: (event) => {
      const isElsewhere = event.target.closest?.("button, a, summary, select, .text-view");
      if (isElsewhere || item.workbench.marking || item.workbench.fields.fieldsets.length !== 1) return false;
      return item.flow.submit();
    },
    "Ctrl+s": () => item.workbench.drafts.flush(),
    "Ctrl+z": () => item.workbench.undo(),
    "Ctrl+Shift+z": () => item.workbench.redo(),
    "Ctrl+y": () => item.workbench.redo(),
    "?": () => document.getElementById("shortcuts-dialog").showModal(),
    g: () => (drawer.open ? drawer.close() : drawer.show()),
    // Where a response has the letter, or nothing of a model is shown, it chooses the response.
    h: (event) =>
      (event.key === "h" && hasResponse("H")) || !item.workbench.overlay.isThere ? answered("h") : item.workbench.overlay.toggle(),
    // Training and right answers have no Skip.
    s: () => root().querySelector('[data-dialog-open="skip-dialog"]')?.click(),
    // Where a response has the letter, it chooses the response.
    f: (event) => (event.key === "f" && hasResponse("F") ? answered("f") : item.reports.open("flag")),
    c: (event) => (event.key === "c" && hasResponse("C") ? answered("c") : item.reports.open("help")),
    ArrowLeft: () => item.lookBack.start(),
    p: () => root().querySelector("#prompt").toggleAttribute("open"),
    // Where there is no text to go into, it is a tie.
    t: () => (item.workbench.marking ? item.workbench.marking.enterText() : answered("t")),
    j: () => item.workbench.fields.step(1),
    k: () => item.workbench.fields.step(-1),
    "]": () => item.workbench.layout.next(1),
    "[": () => item.workbench.layout.next(-1),
    Backspace: () => item.workbench.marking?.removeSelected() ?? false,
    Delete: () => item.workbench.marking?.removeSelected() ?? false,
    Escape: () => (drawer.open ? drawer.close() : (item.workbench.marking?.escape() ?? false)),
    digit: (event) => item.workbench.marking?.digit(Number(event.key)) || answered(event.key),
    n: () => answered("n"),
    letter: (event) => answered(event.key.toLowerCase()),
  }, keys),
  // In a focused text the keys belong to it, which needs no switch.
  () => root().dataset.shortcuts === "true" || isInText(),
);
