// The order of all responses on the page: chosen one after the other, moved by buttons, by keys, or dragged by the handle.

import { gettext } from "../i18n.js";
import { append, moveTo, placeOf, shift, tieWith, toggleTie, without } from "./ranking.js";

/** Made from the widget that it extends, so that the two files need not import each other. */
export const RankingWidget = (Radios) =>
  class extends Radios {
    build() {
      this.places = this.fieldset.querySelector("[data-places]");
      this.template = this.fieldset.querySelector("template[data-row]");
      this.hasTies = this.fieldset.hasAttribute("data-ties");
      this.order = [];
      this.rows = new Map(this.page.labels.map((label) => [label, this.rowFor(label)]));
      this.adders = [...this.fieldset.querySelectorAll("[data-add]")];
      for (const button of this.adders) button.addEventListener("click", () => this.add(button.dataset.add));
    }

    rowFor(label) {
      const row = this.template.content.firstElementChild.cloneNode(true);
      row.dataset.label = label;
      row.querySelector("[data-name]").textContent = label;
      row.querySelector("[data-start]").textContent = this.page.startOf(label);
      const handle = row.querySelector("[data-handle]");
      handle.addEventListener("keydown", (event) => this.pressed(event, label));
      handle.addEventListener("pointerdown", (event) => this.grabbed(event, label));
      const moves = {
        up: (order) => shift(order, label, -1),
        down: (order) => shift(order, label, 1),
        tie: (order) => toggleTie(order, label),
        out: (order) => without(order, label),
      };
      const words = {
        up: gettext("Move up"),
        down: gettext("Move down"),
        tie: gettext("Tie with the one above"),
        out: gettext("Take out of the ranking"),
      };
      for (const button of row.querySelectorAll("[data-move]")) {
        const { move } = button.dataset;
        button.setAttribute("aria-label", gettext("%(what)s: response %(label)s", { what: words[move], label }));
        button.title = words[move];
        button.addEventListener("click", () => this.move(moves[move](this.order), label, button));
      }
      return row;
    }

    render(state) {
      this.order = this.valueIn(state) ?? [];
      const held = this.rows.get([...this.rows.keys()].find((label) => this.rows.get(label).contains(document.activeElement)));
      const focused = held && document.activeElement;
      const items = this.order.map((labels) => this.placeFor(labels));
      this.places.replaceChildren(...items);
      this.places.hidden = items.length === 0;
      for (const button of this.adders) button.hidden = placeOf(this.order, button.dataset.add) >= 0;
      // Rows that were moved lose the focus on the way.
      if (focused?.isConnected) focused.focus({ preventScroll: true });
      this.renderFrame(state, this.order.length > 0);
    }

    placeFor(labels) {
      const item = document.createElement("li");
      item.className = "ranking-place";
      for (const label of labels) {
        const row = this.rows.get(label);
        const place = placeOf(this.order, label) + 1;
        const tie = labels.length > 1 ? ", tied" : "";
        row.querySelector("[data-number]").textContent = `${place}.`;
        row.querySelector("[data-handle]").setAttribute("aria-label", labels.length > 1
            ? gettext("Response %(label)s, place %(place)s, tied", { label, place })
            : gettext("Response %(label)s, place %(place)s", { label, place }),
        );
        row.querySelector("[data-move=tie]")?.setAttribute("aria-pressed", String(labels.length > 1));
        item.append(row);
      }
      return item;
    }

    /** A letter gives the next place; with a response in focus a digit moves it there. */
    key(name) {
      const label = name.toUpperCase();
      if (this.page.labels.includes(label)) {
        if (placeOf(this.order, label) < 0) this.add(label);
        else this.rows.get(label).querySelector("[data-handle]").focus();
        return "stay";
      }
      const focused = [...this.rows.keys()].find((one) => this.rows.get(one).contains(document.activeElement));
      const digit = Number(name);
      if (!focused && digit >= 1 && digit <= this.page.labels.length) {
        const next = this.page.labels[digit - 1];
        if (placeOf(this.order, next) < 0) this.add(next);
        return "stay";
      }
      if (!focused || !(digit >= 1)) return false;
      this.move(moveTo(this.order, focused, digit), focused);
      return "stay";
    }

    focus() {
      const target = this.adders.find((button) => !button.hidden) ?? this.places.querySelector("[data-handle]");
      target.focus({ preventScroll: true });
    }

    add(label) {
      const hadFocus = this.fieldset.contains(document.activeElement);
      this.move(append(this.order, label), label);
      if (!hadFocus) return;
      // To the next one, or with all placed to this one, which may still be moved or tied.
      const isLeft = this.adders.some((button) => !button.hidden);
      if (isLeft) this.focus();
      else this.rows.get(label).querySelector("[data-handle]").focus({ preventScroll: true });
    }

    move(order, label, button = null) {
      if (order === this.order) return;
      this.choose(order.length > 0 ? order : null);
      const place = placeOf(this.order, label);
      const isTied = place >= 0 && this.order[place].length > 1;
      this.fieldset.querySelector("[data-said]").textContent = placeWords(label, place + 1, isTied);
      if (place < 0 && button) this.focus();
    }

    pressed(event, label) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const orders = {
        ArrowUp: () => shift(this.order, label, -1),
        ArrowDown: () => shift(this.order, label, 1),
        "=": () => (this.hasTies ? toggleTie(this.order, label) : this.order),
        Backspace: () => without(this.order, label),
        Delete: () => without(this.order, label),
      };
      const digit = /^[1-9]$/.test(event.key) ? () => moveTo(this.order, label, Number(event.key)) : null;
      const next = orders[event.key] ?? digit;
      if (!next) return;
      event.preventDefault();
      this.move(next(), label);
      if (placeOf(this.order, label) < 0) this.focus();
    }

    grabbed(event, label) {
      if (event.button !== 0) return;
      const handle = event.currentTarget;
      const row = this.rows.get(label);
      const from = { x: event.clientX, y: event.clientY };
      let target = null;
      const moved = (move) => {
        const isDragged = row.classList.contains("is-dragged");
        if (!isDragged && Math.hypot(move.clientX - from.x, move.clientY - from.y) < 6) return;
        row.classList.add("is-dragged");
        this.show(target, false);
        target = this.targetAt(move.clientY, label);
        this.show(target, true);
      };
      const ended = (end) => {
        handle.removeEventListener("pointermove", moved);
        for (const name of ["pointerup", "pointercancel"]) handle.removeEventListener(name, ended);
        row.classList.remove("is-dragged");
        this.show(target, false);
        if (target && end.type === "pointerup") this.dropped(label, target);
      };
      handle.setPointerCapture(event.pointerId);
      handle.addEventListener("pointermove", moved);
      for (const name of ["pointerup", "pointercancel"]) handle.addEventListener(name, ended);
    }

    /** Where a row would land at a height: on another response (a tie), or before or after its place. */
    targetAt(y, label) {
      for (const item of this.places.children) {
        const box = item.getBoundingClientRect();
        if (y > box.bottom && item !== this.places.lastElementChild) continue;
        const isOwn = item.querySelectorAll(".ranking-row").length === 1 && item.contains(this.rows.get(label));
        const share = (y - box.top) / box.height;
        const other = [...item.querySelectorAll(".ranking-row")].find((row) => row.dataset.label !== label);
        if (this.hasTies && !isOwn && other && share > 0.3 && share < 0.7) return { item, on: other.dataset.label };
        if (isOwn) return null;
        return { item, before: share < 0.5, beside: other.dataset.label };
      }
      return null;
    }

    dropped(label, target) {
      if (target.on) {
        this.move(tieWith(this.order, label, target.on), label);
        return;
      }
      const rest = without(this.order, label);
      const at = placeOf(rest, target.beside);
      this.move(moveTo(this.order, label, at + (target.before ? 1 : 2)), label);
    }

    show(target, isOn) {
      if (!target) return;
      const name = target.on ? "is-drop-on" : target.before ? "is-drop-before" : "is-drop-after";
      target.item.classList.toggle(name, isOn);
    }
  };

/** Where a response stands now, to be said aloud; place 0 is none. */
function placeWords(label, place, isTied) {
  if (place === 0) return gettext("Response %(label)s has no place.", { label });
  if (isTied) return gettext("Response %(label)s is at place %(place)s, tied.", { label, place });
  return gettext("Response %(label)s is at place %(place)s.", { label, place });
}
