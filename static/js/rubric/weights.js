// A slider beside each weight's number field, and a button that puts the rubric's own weights back.

const form = document.querySelector("[data-weights]");
const numbers = form ? [...form.querySelectorAll("input[data-own]")] : [];

/** Ends of all sliders: twice the greatest weight, below zero only where a penalty is. */
function sliderRange(weights) {
  const reach = 2 * Math.max(0.5, ...weights.map(Math.abs));
  return { min: weights.some((weight) => weight < 0) ? -reach : 0, max: reach };
}

const range = sliderRange(numbers.map((number) => Number(number.dataset.own)));

for (const number of numbers) {
  const slider = document.createElement("input");
  slider.type = "range";
  slider.step = (range.max - range.min) / 200;
  slider.min = range.min;
  slider.max = range.max;
  slider.value = number.value;
  slider.setAttribute("aria-label", number.labels[0].textContent.trim());
  slider.addEventListener("input", () => (number.value = Number(slider.valueAsNumber.toPrecision(3))));
  number.addEventListener("input", () => (slider.value = number.value));
  number.after(slider);
}

const reset = form?.querySelector("[data-weights-reset]");
if (reset) {
  reset.hidden = false;
  reset.addEventListener("click", () => {
    for (const number of numbers) {
      number.value = number.dataset.own;
      number.nextElementSibling.value = number.dataset.own;
    }
    form.dispatchEvent(new Event("weights-reset", { bubbles: true }));
  });
}
