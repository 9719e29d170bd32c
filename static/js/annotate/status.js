// What the page says about itself: whether the work is safe, what is still to answer, what has gone wrong.

import { gettext, ngettext } from "../i18n.js";

/** The state of the draft in words: "Saved 12:03", "Offline – 3 queued". */
export class SaveState {
  constructor(element) {
    this.element = element;
  }

  show(state, detail = {}) {
    this.element.dataset.state = state;
    this.element.textContent = wordsFor(state, detail);
  }
}

function wordsFor(state, detail) {
  switch (state) {
    case "waiting":
    case "saving":
      return gettext("Saving…");
    case "saved":
      return detail.saved_at ? gettext("Saved %(time)s", { time: clock(detail.saved_at) }) : gettext("Saved");
    case "offline":
      return detail.queued > 0 ? gettext("Offline – %(n)s queued", { n: detail.queued }) : gettext("Offline – will retry");
    case "conflict":
      return gettext("Changed in another window");
    case "refused":
      return gettext("Not saved");
    default:
      return "";
  }
}

export function clock(time) {
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

/** Notices above the work. Each stands under a name, so that it can be taken away when it is settled. */
export class Notices {
  constructor(root) {
    this.holder = root.querySelector("[data-notices]");
    this.template = document.getElementById("notice");
  }

  /** @param link {href, text}, opened in another tab so that nothing here is lost */
  show(name, text, { kind = "warning", link = null } = {}) {
    this.hide(name);
    const notice = this.template.content.firstElementChild.cloneNode(true);
    notice.classList.add(`message-${kind}`);
    notice.dataset.notice = name;
    notice.querySelector("[data-text]").textContent = text;
    const anchor = notice.querySelector("[data-link]");
    if (link) Object.assign(anchor, { href: link.href, textContent: link.text });
    else anchor.remove();
    this.holder.append(notice);
  }

  hide(name) {
    this.holder.querySelector(`[data-notice="${name}"]`)?.remove();
  }
}

/** Ask which of two versions to go on with; resolves to "mine" or "theirs". */
export function askVersion(dialog, { mine, theirs, savedAt, rows }) {
  dialog.querySelector("[data-mine]").textContent = mine;
  dialog.querySelector("[data-theirs]").textContent = theirs;
  dialog.querySelector("[data-saved-at]").textContent = clock(savedAt);
  dialog.querySelector("[data-differences]").replaceChildren(...rows.map(rowOf));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const closed = () => {
      // Escape decides nothing: the question stays until it is answered.
      if (!["mine", "theirs"].includes(dialog.returnValue)) {
        dialog.showModal();
        return;
      }
      dialog.removeEventListener("close", closed);
      resolve(dialog.returnValue);
    };
    dialog.addEventListener("close", closed);
  });
}

function rowOf({ asked, mine, theirs }) {
  const row = document.createElement("tr");
  for (const text of [asked, mine, theirs]) {
    const cell = document.createElement("td");
    cell.className = "raw-text";
    cell.textContent = text;
    row.append(cell);
  }
  return row;
}

/** One line about an answer, to tell two versions apart. */
export function describe(state) {
  const choices = Object.values(state.choices).reduce((count, parts) => count + Object.keys(parts).length, 0);
  const words = [ngettext("%(n)s choice", "%(n)s choices", choices), ngettext("%(n)s mark", "%(n)s marks", state.spans.length)];
  return words.join(", ");
}
