"""Formulas on the annotation page: laid out by the browser, never wider than the page, only in the rendered view."""

import pytest
from playwright.sync_api import expect

from annotations.actions.lease import lease_next_item
from tests.annotations.campaigns import make_campaign
from tests.factories import make_project, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDE = " + ".join(f"a_{{{n}}} x^{n}" for n in range(40))
SOLUTION = rf"""Let $p$ be the price, from $5 to $10.
By the quadratic formula \(x = \frac{{-b \pm \sqrt{{b^2 - 4ac}}}}{{2a}}\), so

\[
\begin{{aligned}}
(x+1)^2 &= x^2 + 2x + 1 \\
        &= x(x + 2) + 1
\end{{aligned}}
\]

$${WIDE}$$

and $\det\begin{{pmatrix}} a & b \\ c & d \end{{pmatrix}}$. The answer is $\boxed{{42}}$."""


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_formulas_are_laid_out_and_a_wide_one_scrolls_in_its_own_box(open_page, width, theme):
    owner, ann = make_user("olga"), make_user("ann")
    project = make_project("lab", owner=owner, annotator=ann)
    campaign = make_campaign(project, owner, texts=[SOLUTION, f"{SOLUTION} Or not?"], items=1)
    assignment = lease_next_item(campaign=campaign, user=ann)
    page = open_page(ann, f"/annotate/{assignment.pk}/", width=width, touch=width < 600, color_scheme=theme)

    page.locator('[data-read-as="rendered"]').click()
    formulas = page.locator(".rendered math:visible")
    expect(formulas).to_have_count(6 if width < 600 else 12)
    # The browser knows the language: a fraction is higher than a letter.
    heights = formulas.evaluate_all("found => found.map(one => one.getBoundingClientRect().height)")
    assert heights[1] > 1.2 * heights[0] > 0
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    wide = page.locator(".rendered .md-display:visible").nth(1)
    assert wide.evaluate("box => box.scrollWidth > box.clientWidth")
    expect(wide).to_have_attribute("tabindex", "0")
    expect(page.locator(".rendered .md-math:visible").first).not_to_have_attribute("tabindex", "0")

    page.locator('[data-read-as="raw"]').click()
    expect(formulas).to_have_count(0)
    views = page.locator(".text-view").evaluate_all("views => views.map(view => view.textContent)")
    assert any(r"\frac{-b \pm" in view for view in views)
    assert page.errors == []
