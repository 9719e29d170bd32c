"""Formulas of hostile texts, from LaTeX as models write it to MathML that browsers lay out by themselves.

The converter is compiled code that calls itself for each level of nesting: what it is given is bounded here, so that no
text can exhaust its stack or its time. What comes back is not to be trusted: `markdown.py` sanitises it with the rest.
"""

import re
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from math_core import LatexToMathML

MAX_FORMULA: Final = 2_000
"""Characters. A formula of nothing but nested commands then takes less than one of the eight megabytes of a thread's
stack, at two to four kilobytes a level."""
MAX_NESTING: Final = 40
"""Braces within braces; people who write formulas stay below ten."""

# A command that names others could unfold to more levels than the formula has characters.
_DEFINES: Final = re.compile(r"\\(?:[a-zA-Z]*(?:def|[cC]ommand)|let|Declare[a-zA-Z]*)(?![a-zA-Z])")
_NUMBERED: Final = re.compile(r"\\(begin|end)\{(equation|align|gather|multline)\}")
_STYLE: Final = re.compile(r' style="([^"]*)"')
# The page's policy lets no style stand in an element, so that what the converter says there is said in classes.
_LOOKS: Final = (
    ("text-align: left", "md-left"),
    ("text-align: right", "md-right"),
    ("padding-left: 0;", "md-close-left"),
    ("padding-right: 0;", "md-close-right"),
    ("padding-left:1em", "md-gap-left"),
    ("border-right: ", "md-line-right"),
    ("border-top: ", "md-line-top"),
)
LOOKS: Final = frozenset(name for _, name in _LOOKS)
"""The classes that cells of a table may have."""


def mathml_of(formula: str, *, display: bool) -> str | None:
    r"""The formula in MathML Core.

    Parameters
    ----------
    formula : str
        LaTeX without its delimiters. Hostile.
    display : bool
        Whether it stands by itself, with large operators, or in a line of words.

    Returns
    -------
    str or None
        One ``<math>`` element, to be sanitised; None for what is empty or not understood, beyond `MAX_FORMULA` or
        `MAX_NESTING`, or defines commands.
    """
    if not 0 < len(formula) <= MAX_FORMULA or _DEFINES.search(formula) or not _is_nested_soundly(formula):
        return None
    from math_core import LatexError

    try:
        found = _converter().convert_with_local_state(_as_meant(formula, display), displaystyle=display)
    except LatexError:
        return None
    return _STYLE.sub(_in_classes, found)


def _is_nested_soundly(formula: str) -> bool:
    depth = 0
    for brace in re.findall(r"\\.|[{}]", formula, re.DOTALL):
        depth += (brace == "{") - (brace == "}")
        if not 0 <= depth <= MAX_NESTING:
            return False
    return depth == 0


def _as_meant(formula: str, display: bool) -> str:
    r"""What models write and the converter does not know, in words that it knows.

    Numbers that the text does not have are not made up, a tag may stand outside of ``equation``, and ``\\`` breaks a
    line outside of any environment.
    """
    formula = formula.replace("{split}", "{aligned}")
    if r"\tag" not in formula:
        formula = _NUMBERED.sub(r"\\\1{\2*}", formula)
    if not display or r"\begin" in formula:
        return formula
    if r"\tag" in formula:
        return rf"\begin{{equation*}}{formula}\end{{equation*}}"
    return rf"\begin{{gathered}}{formula}\end{{gathered}}" if r"\\" in formula else formula


def _in_classes(style: re.Match[str]) -> str:
    names = " ".join(name for said, name in _LOOKS if said in style[1])
    return f' class="{names}"' if names else ""


@cache
def _converter() -> "LatexToMathML":
    # Imported with the first formula: most texts have none.
    from math_core import LatexToMathML

    return LatexToMathML(
        fancy_error=False, allow_unreliable_rendering=True, max_expansions=100, macros={"mbox": r"\text"}
    )
