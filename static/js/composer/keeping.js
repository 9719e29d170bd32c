// What a swap would lose: which parts are open. Which keys mean undo and redo, and which event of a field asks the server.

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

/** "input" for what is typed or dragged, "change" for what is chosen, null for what only a button sends. */
export function asksOn(field) {
  if (field.closest("[data-composer-quiet]")) return null;
  return field.tagName === "SELECT" || ["checkbox", "radio"].includes(field.type) ? "change" : "input";
}
