"""A person who answers an item of any protocol: by mouse, by keyboard alone, or by touch.

What is answered is drawn by a generator, and the answer that the person meant is kept, in the shape that is sent.
"""

import random
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from playwright.sync_api import Locator, Page, expect

from tests.browser.ranges import RANGE_OF

MOUSE, KEYS, TOUCH = "mouse", "keys", "touch"
WAYS = (MOUSE, KEYS, TOUCH)
WORDS = ("It is clear.", "It misses the point.", "Half of it is wrong 😀.", "Nothing to add.")
SEVERITIES = ("minor", "major")
PLAIN_WORD = re.compile(r"(?<!\S)[A-Za-z]+(?=[.,:;!?]?(?:\s|$))")
FIRST_WORDS = 5
"""In every text one of the first few words is marked, so that people meet."""

READ = """() => {
    const shown = JSON.parse(document.getElementById("assignment")?.textContent ?? "{}");
    const { question, part } = document.querySelector("fieldset.is-current")?.dataset ?? {};
    const wanted = document.querySelector("[data-missing]").textContent.trim();
    const asked = [...document.querySelectorAll("fieldset[data-question]:not(:disabled)")].map((fieldset) => ({
        question: fieldset.dataset.question,
        part: fieldset.dataset.part,
        of: fieldset.dataset.of ?? null,
        widget: fieldset.dataset.widget ?? "radio",
        aims: fieldset.dataset.widget !== "stop" && fieldset.querySelector("[data-aim]") !== null,
        choices: [...fieldset.querySelectorAll("input[type=radio]:not(:disabled)")]
            .map(({ value, dataset }) => [value, dataset.digit ?? dataset.letter ?? null]),
    }));
    return { wanted, current: [question, part], asked };
}"""

PLACE = (
    RANGE_OF
    + """    const box = () => [...range.getClientRects()].find(({ width }) => width);
    const middle = () => (box().top + box().bottom) / 2;
    // Where neither the prompt above nor the bar below lies over it.
    view.scrollIntoView({ block: "nearest" });
    if (middle() < innerHeight * 0.35 || middle() > innerHeight * 0.6) {
        scrollBy({ top: middle() - innerHeight * 0.45, behavior: "instant" });
    }
    return [box().left, box().right, middle()];
}"""
)


class Asked(NamedTuple):
    """One fieldset of the page; `choices` are values with the key that chooses each."""

    question: str
    part: str
    of: str | None
    widget: str
    aims: bool
    choices: list[tuple[str, str | None]]

    @property
    def selector(self) -> str:
        return f"fieldset[data-question='{self.question}'][data-part='{self.part}']"


class Person:
    """At an open page, in one of the three ways."""

    def __init__(self, page: Page, way: str, rng: random.Random) -> None:
        self.page = page
        self.way = way
        self.rng = rng
        self.meant: dict[str, Any] = {}
        shown = page.evaluate("() => JSON.parse(document.getElementById('assignment').textContent)")
        self.labels: list[str] = [output["label"] for output in shown["outputs"]]
        self.texts: dict[str, str] = {output["label"]: output["messages"][-1]["text"] for output in shown["outputs"]}
        self.spans = {question["key"]: question for question in shown["questions"] if question["kind"] == "spans"}
        self.criteria = {
            question["key"]: {one["key"]: one["text"] for one in question["criteria"]}
            for question in shown["questions"]
            if question["kind"] == "checklist"
        }
        self.has_overlay = bool(shown.get("overlay"))
        self._marked: set[tuple[str, int]] = set()

    def answer(self) -> dict[str, Any]:
        """Answer all that the page asks; the answer that was meant, by question."""
        if self.has_overlay:
            self.meant["@marks"] = self._decide_on_marks()
        for key, question in self.spans.items():
            self.meant[key] = self._mark_words([kind["key"] for kind in question["types"]])
        if self.way == KEYS:
            self._answer_what_is_in_focus()
        else:
            for asked in self._read()[1]:
                self._show(asked.of)
                self._say(asked)
        return self.meant

    def submit(self) -> None:
        here = self.page.url
        expect(self.page.locator("[data-missing]")).to_have_text("All answered")
        if self.way == KEYS:
            self.page.keyboard.press("Control+Enter")
        else:
            self._press(self.page.locator("[data-submit]"))
        self.page.wait_for_url(lambda url: url != here, wait_until="commit")

    def _answer_what_is_in_focus(self) -> None:
        for _ in range(400):
            wanted, asked, current = self._read()
            if wanted == "All answered":
                return
            self._say(next(one for one in asked if [one.question, one.part] == current))
        raise AssertionError("the page still asks after 400 answers")

    def _read(self) -> tuple[str, list[Asked], list[str]]:
        found = self.page.evaluate(READ)
        return found["wanted"], [Asked(**one) for one in found["asked"]], found["current"]

    def _say(self, asked: Asked) -> None:
        say: Callable[[Asked], Any] = getattr(self, f"_{asked.widget}")
        if asked.aims and self.rng.random() < 0.3:
            self._mark_evidence(asked)
        self.meant.setdefault(asked.question, {})[asked.part] = say(asked)

    def _show(self, label: str | None) -> None:
        """On a phone the responses lie behind tabs."""
        if label and self.way == TOUCH:
            tab = self.page.locator(f"[data-tab={label}]")
            if tab.get_attribute("aria-pressed") != "true":
                self._press(tab)

    def _press(self, target: Locator) -> None:
        target.tap() if self.way == TOUCH else target.click()

    def _radio(self, asked: Asked) -> Any:
        value, key = self.rng.choice(asked.choices)
        if asked.question == "best-worst" and asked.part == "worst" and value == self.meant[asked.question]["best"]:
            return self._radio(asked)
        chosen = self.page.locator(f"{asked.selector} input[type=radio][value='{value}']")
        if self.way == KEYS:
            assert key, f"no key for {asked.question} {asked.part} {value}"
            self.page.keyboard.press(key)
        else:
            self._press(self.page.locator(f"{asked.selector} label", has=self.page.locator(f"input[value='{value}']")))
        expect(chosen).to_be_checked()
        return int(value) if value.lstrip("-").isdigit() else value

    def _ticks(self, asked: Asked) -> list[str]:
        good = sorted(self.rng.sample(self.labels, self.rng.randrange(len(self.labels) + 1)))
        if self.way == KEYS:
            for label in good or ["0"]:
                self.page.keyboard.press(label.lower())
            self.page.keyboard.press("j")
        else:
            for label in good or [""]:
                option = self.page.locator(f"{asked.selector} label", has=self.page.locator(f"input[value='{label}']"))
                self._press(option)
        return good

    def _ranking(self, asked: Asked) -> list[list[str]]:
        order = self.rng.sample(self.labels, len(self.labels))
        places = [[label] for label in order]
        for label in order:
            if self.way == KEYS:
                self.page.keyboard.press(label.lower())
            else:
                self._press(self.page.locator(f"{asked.selector} [data-add={label}]"))
        if self.rng.random() < 0.5:
            places = [*places[:-2], sorted(places[-2] + places[-1])]
            if self.way == KEYS:
                self.page.keyboard.press("=")
            else:
                self._press(self.page.locator(f"{asked.selector} [data-label={order[-1]}] [data-move=tie]"))
        if self.way == KEYS:
            self.page.keyboard.press("j")
        return places

    def _words(self, asked: Asked) -> str:
        text = self.rng.choice(WORDS)
        self._type(asked, text)
        return text

    def _edit(self, asked: Asked) -> str:
        """The response as it is, with something at its end, or with something at its start."""
        text = self.texts[asked.part]
        doing = self.rng.choice(("leave", "append", "prepend"))
        if doing == "append":
            self._type(asked, " Indeed.")
            return text + " Indeed."
        if doing == "prepend":
            self._type(asked, "Indeed: ", at="Home")
            return "Indeed: " + text
        if self.way == KEYS:
            self.page.keyboard.press("1")
        else:
            self._press(self.page.locator(f"{asked.selector} label", has=self.page.locator("[data-right]")))
        return text

    def _type(self, asked: Asked, text: str, at: str = "End") -> None:
        field = self.page.locator(f"{asked.selector} textarea")
        if self.way == KEYS:
            if not self.page.locator("textarea:focus").count():
                self.page.keyboard.press("e")
        else:
            self._press(field)
        expect(field).to_be_focused()
        self.page.keyboard.press(f"Control+{at}")
        self.page.keyboard.type(text)
        if self.way == KEYS:
            self.page.keyboard.press("Escape")

    def _stop(self, asked: Asked) -> Any:
        if self.rng.random() < 0.4:
            if self.way == KEYS:
                self.page.keyboard.press("0")
            else:
                self._press(self.page.locator(f"{asked.selector} label", has=self.page.locator("input[value=none]")))
            return "none"
        start, end = self._choose_word(asked.part)
        if self.way == KEYS:
            self.page.keyboard.press("1")
            self._walk_to(asked.part, start)
            self.page.keyboard.press("Enter")
        else:
            self._press(self.page.locator(f"{asked.selector} [data-aim]"))
            self._point_at(asked.part, start, end)
            self._press(self.page.locator(".chooser-choice", has_text="Stop here"))
        expect(self.page.locator(f"{asked.selector} [data-place]")).not_to_be_empty()
        return {"start": start, "end": end}

    def _mark_words(self, types: list[str]) -> list[dict[str, Any]]:
        """None, one or two words, each of one of the `types`, in their order on the page."""
        found = []
        for _ in range(self.rng.choice((0, 1, 1, 2))):
            label, kind, severity = self.rng.choice(self.labels), self.rng.randrange(len(types)), self.rng.randrange(2)
            start, end = self._choose_word(label)
            if self.way == KEYS:
                for _ in range(1 + self.labels.index(label)):
                    self.page.keyboard.press("t")
                self._walk_to(label, start)
                # One character selected is its word; a digit marks it as that type, the next one says how severe.
                self.page.keyboard.press("Shift+ArrowRight")
                self.page.keyboard.press(str(kind + 1))
                self.page.keyboard.press(str(severity + 1))
                self._leave_the_text()
            else:
                self._show(label)
                self._point_at(label, start, end)
                self._press(self.page.locator(".chooser-choice").nth(kind))
                self._press(self.page.locator(".chooser-choice", has_text=SEVERITIES[severity].title()))
            place = {"output": label, "start": start, "end": end}
            found.append({**place, "type": types[kind], "severity": SEVERITIES[severity]})
            expect(self.page.locator("[data-span-list] .span-row")).to_have_count(len(found))
        return sorted(found, key=lambda span: (span["output"], span["start"]))

    def _decide_on_marks(self) -> dict[str, dict[str, Any]]:
        """Of each span that a model marked: right, wrong, of another type, or nothing said of it."""
        expect(self.page.locator("[data-proposal]").first).to_be_attached()
        found = {}
        for label in self.labels:
            self._show(label)
            for row in self.page.locator(f"[data-proposals={label}] [data-proposal]").all():
                decision = self.rng.choice(("accepted", "changed", "rejected", None))
                if decision is None:
                    continue
                said = found[row.get_attribute("data-proposal") or ""] = {"decision": decision}
                button = row.locator(f"[data-decide={decision}]")
                self._reach_and_press(button)
                if decision == "changed":
                    said |= {"type": self._choose_next_type(row), "quote": row.locator("q").inner_text()}
                expect(row).to_have_attribute("data-decision", decision)
        return found

    def _choose_next_type(self, row: Locator) -> str:
        types = row.locator("select[data-field=type]")
        expect(types).to_be_focused()
        values: list[str] = types.locator("option").evaluate_all("options => options.map(({ value }) => value)")
        chosen = values[values.index(types.input_value()) + 1]
        if self.way == KEYS:
            self.page.keyboard.press("ArrowDown")
        else:
            types.select_option(chosen)
        expect(types).to_have_value(chosen)
        if self.way == KEYS:
            # Back to the buttons: letters that are pressed in a list choose in it.
            self.page.keyboard.press("Shift+Tab")
        return chosen

    def _reach_and_press(self, button: Locator) -> None:
        """By keyboard with Tab alone."""
        if self.way != KEYS:
            self._press(button)
            return
        for _ in range(300):
            if button.evaluate("button => button === document.activeElement"):
                self.page.keyboard.press("Enter")
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not lead to {button}")

    def _mark_evidence(self, asked: Asked) -> None:
        """One word for the criterion, from the criterion's own button."""
        label, _, criterion = asked.part.partition("/")
        start, end = self._choose_word(label)
        button = self.page.locator(f"{asked.selector} [data-aim]")
        self._reach_and_press(button)
        if self.way == KEYS:
            self._walk_to(label, start)
            self.page.keyboard.press("Enter")
            expect(self.page.locator(asked.selector)).to_have_class(re.compile("is-current"))
        else:
            self._point_at(label, start, end)
            words = self.criteria[asked.question][criterion]
            self._press(self.page.locator(".chooser-choice", has_text=words))
        expect(button.locator("[data-aim-count]")).to_have_text("1")
        marks = self.meant.setdefault(asked.question, {}).setdefault("evidence", [])
        marks.append({"output": label, "start": start, "end": end, "type": criterion})

    def _choose_word(self, label: str) -> tuple[int, int]:
        """Where one of the first words stands; none is chosen twice, for a tap on it would open its mark."""
        text = self.texts[label].partition("\n")[0]
        found = [match.span() for match in PLAIN_WORD.finditer(text)][:FIRST_WORDS]
        start, end = self.rng.choice([place for place in found if (label, place[0]) not in self._marked])
        self._marked.add((label, start))
        return start, end

    def _walk_to(self, label: str, start: int) -> None:
        """With the caret, which is in the text of the response."""
        expect(self.page.locator(f'.text-view[data-output="{label}"]')).to_be_focused()
        self.page.keyboard.press("Control+Home")
        for _ in range(start):
            self.page.keyboard.press("ArrowRight")

    def _leave_the_text(self) -> None:
        """Escape closes the panel, then gives up the selected mark, then leads out."""
        for _ in range(3):
            if not self.page.locator(".text-view:focus").count():
                return
            self.page.keyboard.press("Escape")
        expect(self.page.locator(".text-view:focus")).to_have_count(0)

    def _point_at(self, label: str, start: int, end: int) -> None:
        """A drag over the word, or a tap on it."""
        view = self.page.locator(f'.text-view[data-output="{label}"]')
        # The page counts UTF-16 units.
        first, last = (len(self.texts[label][:at].encode("utf-16-le")) // 2 for at in (start, end))
        left, right, middle = view.evaluate(PLACE, [first, last])
        if self.way == TOUCH:
            self.page.touchscreen.tap((left + right) / 2, middle)
        else:
            self.page.mouse.move(left + 1, middle)
            self.page.mouse.down()
            self.page.mouse.move(right - 1, middle, steps=2)
            self.page.mouse.up()
