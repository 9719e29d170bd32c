// Going through the places where two readings disagree the most: by the buttons, or by N and P from a token.

import { gettext, ngettext } from "../i18n.js";
import { panelOf } from "./panel.js";

const group = () => document.querySelector("[data-disagreement]");

export function jump(by) {
  const bar = group();
  if (!bar) return;
  const places = JSON.parse(bar.querySelector("select").selectedOptions[0].dataset.places);
  const from = Number(bar.dataset.at ?? -1);
  const at = from < 0 && by < 0 ? places.length - 1 : from + by;
  if (at < 0 || at >= places.length) {
    say(places.length ? gettext("%(places)s, and no more", { places: words(places.length) }) : words(0));
    return;
  }
  bar.dataset.at = at;
  const [panel, message, start, perMille] = places[at];
  const element = document.querySelectorAll("[data-panel]")[panel];
  const node = panelOf(element)?.nodeAt(message, start);
  if (!node) return;
  panelOf(element).focusNode(node);
  const title = element.querySelector("h3").textContent.trim();
  say([
    gettext("%(n)s of %(all)s", { n: at + 1, all: places.length }),
    title,
    gettext("apart by %(share)s of the scale", { share: `${perMille / 10} %` }),
  ].join(" · "));
}

/** Another pair was chosen: its places are counted, and the next one is its first. */
export function restart() {
  const bar = group();
  delete bar.dataset.at;
  say(words(JSON.parse(bar.querySelector("select").selectedOptions[0].dataset.places).length));
}

function words(n) {
  return ngettext("%(n)s place", "%(n)s places", n);
}

function say(text) {
  group().querySelector("[data-jump-status]").textContent = text;
}
