// What a swap would lose: which parts are open. And which keys mean undo and redo.

/** Notes which <details> with an id are open, and puts them so again in what came instead. */
export function keepOpen() {
  const noted = new Map();
  return {
    note(root) {
      for (const part of root.querySelectorAll?.("details[id]") ?? []) noted.set(part.id, part.open);
    },
    apply(root) {
      for (const [id, open] of noted) {
        const part = root.getElementById(id);
        if (part) part.open = open;
      }
      noted.clear();
    },
  };
}

/** "undo", "redo" or null. In a field that undoes its own typing the keys stay its own. */
export function isUndoKey(event) {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return null;
  const { tagName, type } = event.target ?? {};
  if (tagName === "TEXTAREA" || (tagName === "INPUT" && !["range", "checkbox"].includes(type))) return null;
  const key = event.key.toLowerCase();
  if (key === "z") return event.shiftKey ? "redo" : "undo";
  return key === "y" && !event.shiftKey ? "redo" : null;
}
