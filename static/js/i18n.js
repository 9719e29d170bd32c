// What the scripts say, in the language of the page. The page loads its catalogue before the scripts; without one, as in
// English or under `node --test`, every text stands for itself. Texts are literals of these calls, so that they are found.

/** A text; `values` fill its places: gettext("Saved %(time)s", { time }). */
export function gettext(text, values) {
  return filled(globalThis.django?.gettext?.(text) ?? text, values);
}

/** A text for `n` things, which %(n)s stands for: ngettext("%(n)s mark", "%(n)s marks", n). */
export function ngettext(one, many, n, values) {
  return filled(globalThis.django?.ngettext?.(one, many, n) ?? (n === 1 ? one : many), { n, ...values });
}

/** A place that no value is given for stays as it is. */
function filled(text, values = {}) {
  return text.replaceAll(/%\((\w+)\)s/g, (place, name) => (Object.hasOwn(values, name) ? String(values[name]) : place));
}
