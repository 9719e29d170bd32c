// <button data-copy="#id"> copies that element's text and says so in its own label for a moment.

import { gettext } from "./i18n.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  const label = button.querySelector("[data-copy-label]") ?? button;
  const before = label.textContent;
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    label.textContent = gettext("Copied");
  } catch {
    // The clipboard needs HTTPS or localhost; select the text so that the usual keys work.
    getSelection().selectAllChildren(source);
    label.textContent = gettext("Press Ctrl+C");
  }
  setTimeout(() => (label.textContent = before), 2000);
});
