// The theme buttons of the user menu: show the choice at once, then keep it on the server.
// Without JavaScript the same form posts and the page comes back in the new theme.

const form = document.querySelector("[data-theme-form]");

function showTheme(theme, root = document.documentElement) {
  root.dataset.theme = theme;
}

async function saveTheme(event) {
  event.preventDefault();
  const chosen = event.submitter;
  showTheme(chosen.value);
  for (const button of form.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button === chosen));
  }
  const body = new FormData(form);
  body.set("theme", chosen.value);
  await fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } });
}

form?.addEventListener("submit", saveTheme);
