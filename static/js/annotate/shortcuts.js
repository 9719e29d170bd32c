// Keys. Bare letters and digits are silent while a field is typed in, a dialog is open or an input method composes, and
// where the person has switched them off (WCAG 2.1.4); with Ctrl or ⌘ they always work.

const TYPED_IN = "input:not([type=radio], [type=checkbox], [type=button]), textarea, select, [contenteditable]";
// Where the arrow keys move, choose or scroll by themselves.
const HAS_ARROWS =
  "input, textarea, select, fieldset, [contenteditable], [role=radiogroup], .text-view, .chooser, [tabindex='0']";
const ARROWS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };

const isArrow = (name) => Object.hasOwn(ARROWS, name);

/**
 * @param actions  by key: "?" or "Ctrl+Enter"; an action that returns false leaves the key to the browser
 * @param bare     () => boolean: whether bare keys are on
 */
export function listen(actions, bare) {
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229 || event.defaultPrevented) return;
    if (document.querySelector("dialog:modal")) return;
    const name = nameOf(event);
    const action = actions[name] ?? (/^[0-9]$/.test(name) ? actions.digit : /^[a-h]$/.test(name) ? actions.letter : null);
    if (!action) return;
    const isTyping = event.target.matches?.(TYPED_IN);
    const isBare = !event.ctrlKey && !event.metaKey;
    if (isBare && (isTyping || (isArrow(name) && event.target.closest?.(HAS_ARROWS)))) return;
    if (isBare && name !== "Escape" && !bare(event)) return;
    // In a field, undo and redo are the field's own.
    if (isTyping && /^Ctrl\+(Shift\+)?[zy]$/.test(name)) return;
    if (action(event) !== false) event.preventDefault();
  });
}

/** "Ctrl+Shift+z", "?", "5": ⌘ counts as Ctrl; Shift is named only where the key does not show it. */
export function nameOf(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const hasControl = event.ctrlKey || event.metaKey;
  const shift = event.shiftKey && (hasControl || event.key.length > 1) ? "Shift+" : "";
  return `${hasControl ? "Ctrl+" : ""}${shift}${event.altKey ? "Alt+" : ""}${key}`;
}

/**
 * The same actions under the keys that the person chose.
 *
 * @param actions  by their default keys
 * @param chosen   {defaultKey: key}: an action moves from the one to the other, and its default key falls silent
 */
export function remap(actions, chosen) {
  const moved = { ...actions };
  for (const before of Object.keys(chosen)) delete moved[before];
  for (const [before, key] of Object.entries(chosen)) if (actions[before]) moved[key] = actions[before];
  return moved;
}

/** Show the chosen keys where the page names the default ones: in the list of keys and for assistive technology. */
export function showKeys(root, chosen) {
  const announced = new Map(Object.entries(chosen).map(([before, key]) => [spoken(before), spoken(key)]));
  for (const shown of root.querySelectorAll("[data-key]")) {
    const key = chosen[shown.dataset.key];
    if (key) shown.textContent = ARROWS[key] ?? key;
  }
  for (const control of root.querySelectorAll("[aria-keyshortcuts]")) {
    const key = announced.get(control.getAttribute("aria-keyshortcuts"));
    if (key) control.setAttribute("aria-keyshortcuts", key);
  }
}

const spoken = (key) => key.replace("Ctrl+", "Control+");
