// How the texts are shown: rendered from Markdown, for reading only, or raw, as they are stored and marked. The choice is kept
// in this browser, by campaign.

const KEPT_AS = "rubricate:reading:";

/** The look to begin with: what was kept, or else what the page begins with. */
export function firstLook(kept, otherwise) {
  return kept === "raw" || kept === "rendered" ? kept : otherwise;
}

/** A formula wider than its box scrolls there: then, and only then, the box takes the focus, so that keys can scroll it. */
export function focusWideFormulas(boxes) {
  if (boxes.length === 0) return;
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.setAttribute("tabindex", "0");
      else target.removeAttribute("tabindex");
    }
  });
  for (const box of boxes) observer.observe(box);
}

export class Reading {
  /** @param root  the page, whose `data-reading` the style sheets go by */
  constructor(root) {
    const holder = root.querySelector("[data-reading-switch]");
    Object.assign(this, { root, keptAs: `${KEPT_AS}${holder.dataset.readingSwitch}` });
    this.note = holder.querySelector("[data-reading-note]");
    this.buttons = [...holder.querySelectorAll("[data-read-as]")];
    for (const button of this.buttons) button.addEventListener("click", () => this.choose(button.dataset.readAs));
    this.show(firstLook(this.stored(), holder.dataset.first));
    focusWideFormulas(root.querySelectorAll(".md-math, .md-display"));
  }

  choose(look) {
    try {
      window.localStorage.setItem(this.keptAs, look);
    } catch {
      // Storage is full or switched off: it holds for this page.
    }
    this.show(look);
  }

  /** Show the texts so, without keeping it: marking leads into the raw texts, whatever was chosen. */
  show(look) {
    this.root.dataset.reading = look;
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.readAs === look));
    if (this.note) this.note.hidden = look === "raw";
  }

  stored() {
    try {
      return window.localStorage.getItem(this.keptAs);
    } catch {
      return null;
    }
  }
}
