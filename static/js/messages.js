// Messages in #messages: a button closes each, good news leaves by itself, and a request that fails without an answer
// of its own says so instead of failing silently.

import { gettext } from "./i18n.js";

const GOOD_NEWS_MS = 8000;
const region = document.getElementById("messages");

function leaveInTime(message) {
  if (!message.matches(".message-success, .message-info")) return;
  let timer;
  const start = () => (timer = setTimeout(() => message.remove(), GOOD_NEWS_MS));
  const stop = () => clearTimeout(timer);
  // Someone who reads slowly can hold it by pointing at it or focusing it (WCAG 2.2.1).
  message.addEventListener("pointerenter", stop);
  message.addEventListener("focusin", stop);
  message.addEventListener("pointerleave", start);
  message.addEventListener("focusout", start);
  start();
}

function showMessage(text) {
  const message = document.getElementById("message-template").content.firstElementChild.cloneNode(true);
  message.querySelector(".message-text").textContent = text;
  region.append(message);
}

region.addEventListener("click", (event) => {
  if (event.target.closest("[data-message-close]")) event.target.closest("[data-message]").remove();
});

for (const message of region.querySelectorAll("[data-message]")) leaveInTime(message);

new MutationObserver((changes) => {
  for (const change of changes) {
    for (const node of change.addedNodes) if (node instanceof Element) leaveInTime(node);
  }
}).observe(region, { childList: true });

document.body.addEventListener("htmx:sendError", () =>
  showMessage(gettext("The server cannot be reached. Nothing was changed; try again when you are back online.")),
);
document.body.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  if (status === 403) showMessage(gettext("You are not allowed to do this, or this page has expired. Reload it and try again."));
  else if (status === 404) showMessage(gettext("This is no longer here. Reload the page."));
  else showMessage(gettext("The server answered with an error (%(status)s). What you entered is still on this page.", { status }));
});
