// Responses side by side, or one at a time behind tabs where the page is narrow; pairs brought beside each other.

export class Layout {
  constructor(root) {
    this.root = root;
    this.responses = [...root.querySelectorAll("[data-response]")];
    this.tabs = [...root.querySelectorAll("[data-tab]")];
    for (const tab of this.tabs) tab.addEventListener("click", () => this.reveal(tab.dataset.tab));
    for (const button of root.querySelectorAll("[data-side-by-side]")) {
      button.addEventListener("click", () => this.togglePair(button));
    }
    root.querySelector("[data-all-responses]")?.addEventListener("click", () => this.showPair(null));
    this.reveal(this.responses[0].dataset.response);
  }

  /** Show the response `label`: on a narrow page in place of the others. */
  reveal(label) {
    for (const response of this.responses) response.classList.toggle("is-shown", response.dataset.response === label);
    for (const tab of this.tabs) tab.setAttribute("aria-pressed", String(tab.dataset.tab === label));
  }

  /** The response after the one that is shown. */
  next(by) {
    const at = this.responses.findIndex((response) => response.classList.contains("is-shown"));
    const response = this.responses[(at + by + this.responses.length) % this.responses.length];
    this.reveal(response.dataset.response);
    response.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  togglePair(button) {
    const pair = button.dataset.sideBySide;
    this.showPair(button.getAttribute("aria-pressed") === "true" ? null : pair.split(" "));
  }

  /** Show two responses only, the first on the left; null for all of them. */
  showPair(labels) {
    const holder = this.root.querySelector("[data-responses]");
    holder.classList.toggle("is-pair", labels !== null);
    for (const response of this.responses) {
      const at = labels?.indexOf(response.dataset.response) ?? 0;
      response.classList.toggle("is-outside-pair", at < 0);
      response.classList.toggle("is-second", at === 1);
    }
    for (const button of this.root.querySelectorAll("[data-side-by-side]")) {
      button.setAttribute("aria-pressed", String(button.dataset.sideBySide === labels?.join(" ")));
    }
    const all = this.root.querySelector("[data-all-responses]");
    if (all) all.hidden = labels === null;
    if (labels) holder.scrollIntoView({ block: "start" });
  }
}
