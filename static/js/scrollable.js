// Tables and code that are wider than their box scroll inside it: while they do, the keyboard reaches them (WCAG 2.1.1).

import { gettext } from "./i18n.js";

const BOXES = ".table-wrap, pre";

/** Whether a part of the box is out of sight and nothing inside it would bring the keyboard there. */
export function needsFocus(box) {
  return box.scrollWidth > box.clientWidth && !box.querySelector("a[href], button, input, select, textarea, summary");
}

/** What the box shows: its table's caption, or the heading above it. */
export function nameOf(box) {
  const title = box.querySelector("caption") ?? box.closest("section, article, .card")?.querySelector("h1, h2, h3, h4");
  return title?.textContent.trim() || gettext("Scrolls sideways");
}

function mark(box) {
  const isOurs = box.hasAttribute("data-scrolls");
  // One that a template has made focusable stays as it is.
  if (!isOurs && box.hasAttribute("tabindex")) return;
  const needs = needsFocus(box);
  if (needs === isOurs) return;
  box.toggleAttribute("data-scrolls", needs);
  if (needs) {
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", nameOf(box));
  } else {
    for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
  }
}

function watch() {
  let isAsked = false;
  const markAll = () => {
    isAsked = false;
    for (const box of document.querySelectorAll(BOXES)) mark(box);
  };
  const ask = () => {
    if (!isAsked) requestAnimationFrame(markAll);
    isAsked = true;
  };
  new MutationObserver(ask).observe(document.body, { childList: true, subtree: true });
  window.addEventListener("resize", ask);
  // A closed <details> has no width until it is opened.
  document.addEventListener("toggle", ask, { capture: true });
  markAll();
}

if (globalThis.document) watch();
