// The page of a task: paints each output's panel and listens for keys, pointers and the controls above.

import { gettext } from "../i18n.js";
import { jump, restart } from "./disagreement.js";
import { Panel, panelOf } from "./panel.js";

function start(root) {
  for (const element of root.querySelectorAll("[data-panel]")) if (!panelOf(element)) new Panel(element);
}

function panels() {
  return [...document.querySelectorAll("[data-panel]")];
}

function describe(event) {
  const piece = event.target.closest?.("[data-message] span, mark");
  if (piece) panelOf(piece)?.describe(piece);
}

document.addEventListener("focusin", describe);
document.addEventListener("pointerover", describe);

document.addEventListener("click", (event) => {
  const token = event.target.closest("[data-token]");
  if (token) panelOf(token).focusToken(Number(token.dataset.token));
  const marked = event.target.closest("[data-mark]");
  if (marked) panelOf(marked)?.showMark(marked.dataset.mark);
  const button = event.target.closest("[data-jump]");
  if (button) jump(Number(button.dataset.jump));
});

document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.("[data-message] span") || event.ctrlKey || event.metaKey || event.altKey) return;
  const by = { n: 1, p: -1 }[event.key.toLowerCase()];
  if (by) jump(by);
  if (!event.target.dataset.token) return;
  const panel = panelOf(event.target);
  const index = panel.target(event.key);
  if (index < 0) return;
  event.preventDefault();
  panel.focusToken(index);
});

// The threshold is a share of each scale, so that one slider serves signals of different units.
function applyThreshold() {
  const slider = document.querySelector("[data-threshold]");
  const limits = slider.dataset.limits.split(" ").map(Number);
  const chosen = document.querySelector("[data-threshold-layer]")?.value ?? "";
  const share = slider.valueAsNumber / 100;
  const only = limits.length === 1 ? 0 : chosen === "" ? -1 : Number(chosen);
  const ofEach = gettext("%(share)s of each scale", { share: `${slider.value} %` });
  const words = only < 0 ? ofEach : Number((limits[only] * share).toPrecision(2));
  document.querySelector("[data-threshold-value]").textContent = words;
  const shares = limits.map((_, at) => (only < 0 || only === at ? share : 0));
  for (const element of panels()) panelOf(element)?.hideBelow(shares);
}

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-threshold], [data-threshold-layer]")) applyThreshold();
});

document.addEventListener("change", (event) => {
  if (event.target.id === "view-disagreement") restart();
  const { toggle } = event.target.dataset;
  if (toggle !== "marks" && toggle !== "model-marks") return;
  document.querySelector("[data-panels]").toggleAttribute(`data-no-${toggle}`, !event.target.checked);
});

// Scrolling together goes by share of the way, since the texts differ in length. The scroll that this causes in the
// other panels must not be answered in turn.
let leader = null;
let release;

function scrollTogether(event) {
  const scroller = event.target;
  if (!scroller.matches?.("[data-scroll]") || !document.querySelector("[data-toggle=sync-scroll]")?.checked) return;
  if (leader && leader !== scroller) return;
  leader = scroller;
  clearTimeout(release);
  release = setTimeout(() => (leader = null), 120);
  const share = scroller.scrollTop / Math.max(1, scroller.scrollHeight - scroller.clientHeight);
  for (const other of document.querySelectorAll("[data-scroll]")) {
    if (other !== scroller) other.scrollTop = share * (other.scrollHeight - other.clientHeight);
  }
}

document.addEventListener("scroll", scrollTogether, { capture: true, passive: true });

start(document);
document.addEventListener("htmx:load", (event) => {
  start(event.target);
  if (event.target.matches?.(".review")) panelOf(event.target)?.showReviews();
});
