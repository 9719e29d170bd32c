// Asks before leaving the page with changes that are not saved.

let changed = false;

document.addEventListener("input", (event) => {
  if (event.target.closest("[data-guard-unsaved]")) changed = true;
});

document.addEventListener("submit", (event) => {
  if (event.submitter?.value === "save") changed = false;
});

// htmx stops the submit event of its forms from doing more, so its own event tells of a save.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.requestConfig.parameters.do === "save") changed = false;
});

// What comes back with errors is still not saved.
document.addEventListener("htmx:load", (event) => {
  if (event.target.querySelector?.(".errorlist")) changed = true;
});

window.addEventListener("beforeunload", (event) => {
  if (changed) event.preventDefault();
});
