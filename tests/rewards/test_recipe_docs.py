"""The documentation of recipes is run as it is written, where there is no Django."""

import subprocess
import sys
from pathlib import Path

from rewards.recipes.inputs import KINDS
from rewards.shaping.contract import Family

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "recipes.md"

_RUN = """
import doctest, sys
sys.modules["django"] = None
result = doctest.testfile(sys.argv[1], module_relative=False, encoding="utf-8")
print(result.attempted)
sys.exit(result.failed)
"""


def test_every_example_gives_what_the_page_says_without_django() -> None:
    ran = subprocess.run([sys.executable, "-c", _RUN, str(PAGE)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert int(ran.stdout) > 40


def test_the_page_has_an_example_of_each_family_and_a_row_for_each_kind_of_input() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [family.label for family in Family if f"### {family.label}\n" not in text] == []
    assert [name for name in KINDS if f"| `{name}` |" not in text] == []
