// A slider under each number that has a range; the number's field stays what is sent.

/** A number as short as a step of the slider is exact. */
export function rounded(value, step) {
  const digits = Math.max(0, Math.ceil(-Math.log10(step)) + 1);
  return String(Number(value.toFixed(Math.min(digits, 12))));
}

export function attachSliders(root) {
  for (const number of root.querySelectorAll("input[type=number][data-step]")) {
    if (number.nextElementSibling?.type === "range") continue;
    const { low, high, step } = number.dataset;
    const slider = document.createElement("input");
    slider.type = "range";
    [slider.min, slider.max, slider.step] = [low, high, step];
    slider.value = number.value;
    slider.setAttribute("aria-label", number.labels[0]?.textContent.trim() ?? number.name);
    slider.addEventListener("input", () => (number.value = rounded(slider.valueAsNumber, Number(step))));
    number.addEventListener("input", () => (slider.value = number.value));
    number.after(slider);
  }
}
