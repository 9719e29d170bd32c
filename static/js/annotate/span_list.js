// The marked spans in words, below each response: jump, change, comment, delete. It is also how a screen reader meets
// them.

import { gettext, ngettext } from "../i18n.js";

export class SpanList {
  /**
   * @param root      the page
   * @param types     what may be marked (markable.js)
   * @param on        {select(id), edit(id, changes, burst), remove(id)}
   */
  constructor(root, types, on) {
    Object.assign(this, { root, on });
    this.types = new Map(types.map((type) => [type.key, type]));
  }

  /** Draw the spans of every response. Fields that are being typed in are left alone. */
  render(spans, selected, viewOf) {
    for (const holder of this.root.querySelectorAll("[data-span-list]")) {
      const own = spans.filter((span) => span.output === holder.dataset.spanList);
      const rows = new Map([...holder.children].map((row) => [row.dataset.spanRow, row]));
      const kept = own.map((span) => {
        const row = rows.get(String(span.id)) ?? this.newRow(span.id);
        this.fill(row, span, span.id === selected, viewOf(span.output, span.message));
        return row;
      });
      const isSame = kept.length === holder.children.length && kept.every((row, index) => holder.children[index] === row);
      if (!isSame) holder.replaceChildren(...kept);
      const counter = this.root.querySelector(`[data-span-count="${holder.dataset.spanList}"]`);
      counter.textContent = own.length === 0 ? gettext("No marks") : ngettext("%(n)s mark", "%(n)s marks", own.length);
    }
  }

  newRow(id) {
    const row = this.root.querySelector("#span-row").content.firstElementChild.cloneNode(true);
    row.dataset.spanRow = String(id);
    const find = (name) => row.querySelector(`[data-field="${name}"]`);
    fillSelect(find("type"), [...this.types.values()]);
    find("jump").addEventListener("click", () => this.on.select(id));
    find("remove").addEventListener("click", () => this.on.remove(id));
    find("type").addEventListener("change", (event) => this.on.edit(id, { type: event.target.value }));
    find("severity").addEventListener("change", (event) => this.on.edit(id, { severity: event.target.value }));
    find("comment").addEventListener("input", (event) =>
      this.on.edit(id, { comment: event.target.value }, `comment:${id}`),
    );
    return row;
  }

  fill(row, span, isSelected, view) {
    const type = this.types.get(span.type);
    const severities = type?.severities ?? [];
    const severity = severities.find((entry) => entry.key === span.severity);
    const quote = view.offsets.slice(span.start, span.end);
    row.classList.toggle("is-selected", isSelected);
    row.querySelector("[data-field=swatch]").className = `mark mark-swatch mark-${type?.colour ?? 7}`;
    row.querySelector("[data-field=label]").textContent = [type?.label, severity?.label].filter(Boolean).join(" · ");
    const words = row.querySelector("[data-field=quote]");
    words.textContent = quote.length > 120 ? `${quote.slice(0, 119)}…` : quote;
    setValue(row.querySelector("[data-field=type]"), span.type);
    this.fillSeverity(row.querySelector("[data-field=severity]"), type, span.severity);
    const comment = row.querySelector("[data-field=comment]");
    comment.hidden = !type?.comments;
    setValue(comment, span.comment);
    row.querySelector("[data-field=jump]").setAttribute("aria-expanded", String(isSelected));
    row.querySelector("[data-field=editor]").hidden = !isSelected;
    const note = row.querySelector("[data-field=note]");
    note.textContent = span.comment;
    note.hidden = isSelected || !span.comment;
  }

  /** The severities of the mark's type, which may have changed. */
  fillSeverity(select, type, value) {
    const severities = type?.severities ?? [];
    select.hidden = severities.length === 0;
    if (select.dataset.of !== type?.key) {
      select.dataset.of = type?.key ?? "";
      select.replaceChildren();
      fillSelect(select, [{ key: "", label: gettext("Severity: open") }, ...severities]);
    }
    setValue(select, value);
  }
}

function setValue(field, value) {
  if (field && field.value !== value) field.value = value;
}

function fillSelect(select, entries) {
  for (const entry of entries) select.append(new Option(entry.label, entry.key));
}
