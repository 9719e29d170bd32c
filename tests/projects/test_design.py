"""Rules that every template and style sheet keeps: what the Content-Security-Policy and WCAG ask for."""

import re
from pathlib import Path

import pytest
from django.template.loader import render_to_string

from projects.form_rendering import FormRenderer
from projects.forms.member import NewMemberForm

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SHEETS = sorted((ROOT / "static" / "css").glob("*.css"))

TEXT = 4.5
"""WCAG 2.2, 1.4.3: text."""
SHAPE = 3.0
"""WCAG 2.2, 1.4.11: edges of controls, focus rings, marks in charts."""
SURFACES = ["canvas", "surface", "raised", "sunken"]
PAIRS = [
    *((ink, surface, TEXT) for ink in ("ink", "ink-muted", "ink-faint", "link", "danger") for surface in SURFACES),
    *((kind, f"{kind}-soft", TEXT) for kind in ("info", "success", "warning", "danger", "accent")),
    *(("ink-muted", surface, TEXT) for surface in ("hover", "selected", "neutral-soft")),
    ("on-primary", "primary", TEXT),
    ("on-primary", "primary-hover", TEXT),
    *((line, surface, SHAPE) for line in ("line-strong", "focus") for surface in SURFACES),
    *((f"series-{number}", "surface", SHAPE) for number in range(1, 9)),
    *(("ink", f"heat-{sign}{bin_}", TEXT) for sign in "np" for bin_ in range(1, 6)),
]


def colours():
    """Each token's colours in the light and in the dark theme."""
    text = "".join(sheet.read_text() for sheet in SHEETS)
    return {name: pair for name, *pair in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", text)}


def luminance(colour):
    """Relative luminance of an sRGB colour, as WCAG defines it."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_contrast_of_black_on_white_is_21():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_pair_of_colours_that_meets_has_enough_contrast(theme):
    index, found = ["light", "dark"].index(theme), colours()
    short = {
        (ink, ground): round(contrast(found[ink][index], found[ground][index]), 2)
        for ink, ground, least in PAIRS
        if contrast(found[ink][index], found[ground][index]) < least
    }
    assert short == {}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_holds_no_inline_style_script_or_handler(template):
    text = re.sub(r"\{%\s*comment.*?endcomment\s*%\}", "", template.read_text(), flags=re.DOTALL)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on", text)
    for attributes, body in re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL):
        assert "src=" in attributes or 'type="application/json"' in attributes
        assert "src=" not in attributes or not body.strip()


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_a_style_sheet_asks_nothing_of_other_hosts(sheet):
    assert not re.search(r"@import|https?://", sheet.read_text())


def test_every_bin_of_the_heat_scale_has_its_own_underline():
    text = (ROOT / "static/css/signals.css").read_text()
    thickness = dict(re.findall(r"\.heat-([np]\d) \{ background[^}]*text-decoration-thickness: ([\d.]+)px", text))
    for sign in "np":
        lines = [float(thickness[f"{sign}{bin_}"]) for bin_ in range(1, 6)]
        assert lines == sorted(set(lines))
    assert re.search(r'\[class\*="heat-n"\] \{[^}]*wavy', text)
    assert re.search(r'\[class\*="heat-p"\] \{[^}]*solid', text)


def test_a_form_row_joins_control_help_and_error():
    form = NewMemberForm({"identifier": "", "role": "owner"}, renderer=FormRenderer())
    html = str(form)
    assert 'class="field field-invalid"' in html
    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="id_identifier_error"' in html
    assert 'id="id_identifier_error"' in html


def test_the_page_for_a_crash_needs_nothing_that_may_have_crashed():
    assert "Something broke on the server" in render_to_string("500.html")
