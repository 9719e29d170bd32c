// The texts of the responses on the page: raw, exactly as stored. They come as JSON and are set as text, because an HTML
// parser would turn CR LF into LF and shift every offset after it.

import { gettext } from "../i18n.js";
import { unpackSpans } from "../output/pieces.js";
import { TextOffsets } from "./offsets.js";

const CHANNELS = { thinking: gettext("Thinking"), tool: gettext("Tool") };

/**
 * Fill the page with prompt and responses.
 *
 * @returns views: [{output, message, element, text, sha256, offsets, characters}], in the order shown
 */
export function buildViews(data, root, { canMark }) {
  fillPrompt(data, root);
  return data.outputs.flatMap((output) => {
    const holder = root.querySelector(`[data-messages="${output.label}"]`);
    return output.messages.map((message, index) => {
      const element = document.createElement("div");
      element.className = "text-view signal-text raw-text";
      element.dir = "auto";
      element.lang = "";
      element.textContent = message.text;
      element.dataset.output = output.label;
      element.dataset.message = String(index);
      if (canMark) {
        element.tabIndex = 0;
        element.setAttribute("role", "group");
        element.setAttribute("aria-label", gettext("Text of response %(label)s. Arrow keys move, Shift selects, Enter marks.", { label: output.label }));
      }
      const label = CHANNELS[message.channel];
      if (label) holder.append(channelLabel(label));
      holder.append(element);
      return viewOf(output, message, index, element, unpackSpans(output.tokens?.[index] ?? ""));
    });
  });
}

/** Set the texts of the steps into which a question cuts the responses. */
export function fillSteps(data, root) {
  const outputs = new Map(data.outputs.map((output) => [output.label, output]));
  for (const element of root.querySelectorAll("[data-step-of]")) {
    const { stepOf, message, start, end } = element.dataset;
    const { text, channel } = outputs.get(stepOf).messages[Number(message)];
    element.textContent = new TextOffsets(text).slice(Number(start), Number(end));
    if (start === "0" && CHANNELS[channel]) element.before(channelLabel(CHANNELS[channel]));
  }
}

/** The first words of a response, to know it by. */
export function startOf(output) {
  const answers = output.messages.filter((message) => !CHANNELS[message.channel]);
  return ((answers.at(-1) ?? output.messages.at(-1))?.text ?? "").trim().slice(0, 100);
}

/** The view of a message of an output, or undefined. */
export function findView(views, output, message) {
  return views.find((view) => view.output === output && view.message === message);
}

function viewOf(output, message, index, element, tokens) {
  let characters = null;
  return {
    output: output.label,
    message: index,
    element,
    text: message.text,
    sha256: message.text_sha256,
    /** [{start, end}] in code points, in order and apart; empty where none are known. */
    tokens,
    offsets: new TextOffsets(message.text),
    /** Code points as a list, made when first needed. */
    get characters() {
      characters ??= [...message.text];
      return characters;
    },
  };
}

function fillPrompt(data, root) {
  const holder = root.querySelector("[data-prompt]");
  for (const message of data.prompt) {
    if (data.prompt.length > 1 || message.role !== "user") holder.append(channelLabel(message.role));
    holder.append(plainText(message.text));
  }
  for (const name of ["context", "reference"]) {
    root.querySelector(`[data-${name}]`)?.append(plainText(data[name]));
  }
  const lines = data.prompt.at(-1)?.text.trim() ?? "";
  root.querySelector("[data-prompt-start]").textContent = lines.slice(0, 160);
}

function plainText(text) {
  const element = document.createElement("div");
  element.className = "raw-text";
  element.dir = "auto";
  element.lang = "";
  element.textContent = text;
  return element;
}

function channelLabel(text) {
  const element = document.createElement("p");
  element.className = "channel-label";
  element.textContent = text;
  return element;
}
