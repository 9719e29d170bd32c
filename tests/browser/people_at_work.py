"""A person who answers an item of any protocol: by mouse, by keyboard alone, or by touch.

What is answered is drawn by a generator, and the answer that the person meant is returned, in the shape that is sent.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.test_annotate import boxes_of

MOUSE, KEYS, TOUCH = "mouse", "keys", "touch"
WAYS = (MOUSE, KEYS, TOUCH)
WORDS = ("It is clear.", "It misses the point.", "Half of it is wrong 😀.", "Nothing to add.")


class Person:
    """At an open page, in one of the three ways."""

    def __init__(self, page: Page, way: str, rng: random.Random) -> None:
        self.page = page
        self.way = way
        self.rng = rng
        self.meant: dict[str, Any] = {}

    def answer(self) -> dict[str, Any]:
        """Answer all that the page asks; the answer that was meant, by question."""
        for _ in range(200):
            fieldset = self._next_open()
            if fieldset is None:
                return self.meant
            question, part = fieldset.get_attribute("data-question"), fieldset.get_attribute("data-part")
            widget = fieldset.get_attribute("data-widget") or "radio"
            kind: Callable[[Locator, str, str], Any] = getattr(self, f"_{widget}")
            said = kind(fieldset, question, part)
            if widget == "ranking":
                self.meant[question] = {"order": said}
            elif widget == "ticks":
                self.meant[question] = {"good": said}
            else:
                self.meant.setdefault(question, {})[part] = said
        raise AssertionError("the page still asks after 200 answers")

    def submit(self) -> None:
        here = self.page.url
        expect(self.page.locator("[data-missing]")).to_have_text("All answered")
        if self.way == KEYS:
            self.page.keyboard.press("Control+Enter")
        else:
            self._press(self.page.locator("[data-submit]"))
        self.page.wait_for_url(lambda url: url != here)

    def _next_open(self) -> Locator | None:
        """The question to answer next: for the keyboard the one in focus, else the first without an answer."""
        if self.page.locator("[data-missing]").inner_text() == "All answered":
            return None
        if self.way == KEYS:
            # By name: once it is answered, another one is in focus.
            name = self.page.locator("fieldset.is-current").evaluate(
                "found => [found.dataset.question, found.dataset.part]"
            )
            return self.page.locator(f"fieldset[data-question='{name[0]}'][data-part='{name[1]}']")
        for fieldset in self.page.locator("fieldset[data-question]:not(:disabled)").all():
            question, part = fieldset.get_attribute("data-question"), fieldset.get_attribute("data-part")
            if question in self.meant and (part in self.meant[question] or part in ("order", "good")):
                continue
            self._show(fieldset.get_attribute("data-of"))
            return fieldset
        return None

    def _show(self, label: str | None) -> None:
        """On a phone the responses lie behind tabs."""
        tab = self.page.locator(f"[data-tab={label}]") if label else None
        if tab is not None and tab.is_visible() and tab.get_attribute("aria-selected") != "true":
            self._press(tab)

    def _press(self, target: Locator) -> None:
        target.tap() if self.way == TOUCH else target.click()

    def _radio(self, fieldset: Locator, question: str, part: str) -> Any:
        inputs = fieldset.locator("input[type=radio]:not(:disabled)")
        chosen = inputs.nth(self.rng.randrange(inputs.count()))
        value = chosen.get_attribute("value")
        digit, letter = chosen.get_attribute("data-digit"), chosen.get_attribute("data-letter")
        if question == "best-worst" and part == "worst" and value == self.meant[question]["best"]:
            return self._radio(fieldset, question, part)
        if self.way == KEYS:
            key = digit or letter
            assert key, f"no key for {question} {part} {value}"
            self.page.keyboard.press(key)
        else:
            self._press(fieldset.locator("label", has=self.page.locator(f"input[value='{value}']")))
        expect(chosen).to_be_checked()
        return int(value) if value.lstrip("-").isdigit() else value

    def _ticks(self, fieldset: Locator, question: str, part: str) -> list[str]:
        letters = self._labels()
        good = sorted(self.rng.sample(letters, self.rng.randrange(len(letters) + 1)))
        if self.way == KEYS:
            for label in good or ["0"]:
                self.page.keyboard.press(label.lower())
            self.page.keyboard.press("j")
        else:
            for label in good or [""]:
                self._press(fieldset.locator("label", has=self.page.locator(f"input[value='{label}']")))
        return good

    def _ranking(self, fieldset: Locator, question: str, part: str) -> list[list[str]]:
        order = self.rng.sample(self._labels(), len(self._labels()))
        places = [[label] for label in order]
        ties = self.rng.random() < 0.5
        for label in order:
            if self.way == KEYS:
                self.page.keyboard.press(label.lower())
            else:
                self._press(fieldset.locator(f"[data-add={label}]"))
        if ties:
            places = [*places[:-2], sorted(places[-2] + places[-1])]
            if self.way == KEYS:
                self.page.keyboard.press("=")
            else:
                self._press(fieldset.locator(f"[data-label={order[-1]}] [data-move=tie]"))
        if self.way == KEYS:
            self.page.keyboard.press("j")
        return places

    def _words(self, fieldset: Locator, question: str, part: str) -> str:
        text = self.rng.choice(WORDS)
        self._type(fieldset.locator("textarea"), text)
        return text

    def _edit(self, fieldset: Locator, question: str, part: str) -> Any:
        field = fieldset.locator("textarea")
        if self.rng.random() < 0.5:
            if self.way == KEYS:
                self.page.keyboard.press("1")
            else:
                self._press(fieldset.locator("label", has=self.page.locator("[data-right]")))
            return "right"
        shown = field.input_value()
        self._type(field, " Indeed.")
        return shown + " Indeed."

    def _type(self, field: Locator, text: str) -> None:
        """At the end of what is there."""
        if self.way == KEYS:
            if not self.page.locator("textarea:focus").count():
                self.page.keyboard.press("e")
        else:
            self._press(field)
        expect(field).to_be_focused()
        self.page.keyboard.press("Control+End")
        self.page.keyboard.type(text)
        if self.way == KEYS:
            self.page.keyboard.press("Escape")

    def _stop(self, fieldset: Locator, question: str, part: str) -> Any:
        if self.rng.random() < 0.4:
            if self.way == KEYS:
                self.page.keyboard.press("0")
            else:
                self._press(fieldset.locator("label", has=self.page.locator("input[value=none]")))
            return "none"
        if self.way == KEYS:
            self.page.keyboard.press("1")
            self.page.keyboard.press("Control+ArrowRight")
            self.page.keyboard.press("Enter")
            return "marked"
        self._press(fieldset.locator("[data-aim]"))
        self._point_at(part)
        choice = self.page.locator(".chooser-choice", has_text="Stop here")
        expect(choice.or_(fieldset.locator("[data-place]:not(:empty)")).first).to_be_visible()
        if choice.is_visible():
            self._press(choice)
        return "marked"

    def mark_a_word(self, types: Sequence[str]) -> dict[str, str]:
        """Mark one word in one of the responses as of one of the `types`, in their order on the page."""
        label = self.rng.choice(self._labels())
        kind = self.rng.randrange(len(types))
        if self.way == KEYS:
            for _ in range(1 + self._labels().index(label)):
                self.page.keyboard.press("t")
            # One character selected is its word; a digit marks it as that type, the next one says how severe.
            self.page.keyboard.press("Shift+ArrowRight")
            self.page.keyboard.press(str(kind + 1))
            self.page.keyboard.press("1")
            self.page.keyboard.press("Escape")
        else:
            self._show(label)
            self._point_at(label)
            choices = self.page.locator(".chooser-choice")
            self._press(choices.nth(kind))
            self._press(self.page.locator(".chooser-choice", has_text="Minor"))
            if self.page.locator("[data-chooser]").is_visible():
                self.page.keyboard.press("Escape")
        expect(self.page.locator(".span-row")).to_have_count(1)
        return {"output": label, "type": types[kind], "severity": "minor"}

    def _point_at(self, label: str) -> None:
        """At the first word of the response: a drag over it, or a tap."""
        view = self.page.locator(f'.text-view[data-output="{label}"]')
        words = view.evaluate("view => view.textContent").split()
        left, right, middle = boxes_of(view, words[0])[0]
        if self.way == TOUCH:
            self.page.touchscreen.tap((left + right) / 2, middle)
            self.page.touchscreen.tap((left + right) / 2, middle)
        else:
            self.page.mouse.move(left + 1, middle)
            self.page.mouse.down()
            self.page.mouse.move(right - 1, middle, steps=4)
            self.page.mouse.up()

    def _labels(self) -> list[str]:
        return self.page.evaluate(
            "() => JSON.parse(document.getElementById('assignment').textContent).outputs.map(output => output.label)"
        )
