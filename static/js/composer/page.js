// The composer's page: sliders, undo and redo, problems shown at their fields, focus and open parts kept over swaps.

import { History } from "../annotate/history.js";
import { attachSliders } from "./sliders.js";
import { asksOn, isUndoKey, keepOpen } from "./keeping.js";

const form = document.querySelector("[data-composer]");
const state = () => document.getElementById("composer-state").value;
const history = new History(state());
const [undo, redo] = ["undo", "redo"].map((name) => form.querySelector(`[data-composer-${name}]`));
let restoring = false;
let burst = null;

/** Send an earlier document as if it had been typed. */
function restore() {
  restoring = true;
  document.getElementById("composer-json-text").value = history.state;
  form.querySelector("button[value=json]").click();
}

function showHistory() {
  undo.disabled = !history.canUndo;
  redo.disabled = !history.canRedo;
}

form.querySelector("[data-composer-history]").hidden = false;
undo.addEventListener("click", () => history.undo() && restore());
redo.addEventListener("click", () => history.redo() && restore());
document.addEventListener("keydown", (event) => {
  const wanted = isUndoKey(event);
  if (!wanted) return;
  event.preventDefault();
  (wanted === "undo" ? undo : redo).click();
});

// One request for each edit: what is typed or dragged asks while it changes, what is chosen asks once it is. What is only
// sent by a button asks for nothing.
for (const kind of ["input", "change"]) {
  form.addEventListener(
    kind,
    (event) => {
      if (asksOn(event.target) === kind) burst = event.target.name || null;
      else event.stopImmediatePropagation();
    },
    true,
  );
}
form.addEventListener("click", (event) => event.target.closest("button") && (burst = null), true);

/** Mark the fields that problems are about, and no others. */
function showProblems() {
  for (const marked of form.querySelectorAll("[data-composer-marked]")) {
    marked.removeAttribute("aria-invalid");
    marked.removeAttribute("data-composer-marked");
  }
  for (const problem of form.querySelectorAll("[data-composer-problem]")) {
    const field = document.getElementById(problem.dataset.composerProblem);
    field?.setAttribute("aria-invalid", "true");
    field?.setAttribute("data-composer-marked", "");
  }
}

// A link to a field opens what the field is folded into.
form.addEventListener("click", (event) => {
  const link = event.target.closest(".composer-problems a[href^='#']");
  const field = link && document.getElementById(link.hash.slice(1));
  if (!field) return;
  event.preventDefault();
  for (let part = field.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
  field.focus();
});

/** Go on from where the edit led, unless it is already there. */
function moveFocus() {
  const tree = document.getElementById("composer-tree");
  const target = document.getElementById(tree.dataset.composerFocus ?? "");
  delete tree.dataset.composerFocus;
  if (!target) return;
  if (target.tagName === "DETAILS") target.open = true;
  (target.tagName === "DETAILS" ? target.querySelector("summary") : target).focus();
}

const reopen = keepOpen();
document.addEventListener("htmx:oobBeforeSwap", (event) => reopen.note(event.detail.target));
document.addEventListener("htmx:oobAfterSwap", () => reopen.apply(document));

// A request that a newer one took the place of changed nothing; other parts of the page have requests of their own.
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.elt === form) settle();
});

function settle() {
  attachSliders(form);
  showProblems();
  if (!restoring) history.push(state(), burst);
  restoring = false;
  moveFocus();
  showHistory();
}

settle();
