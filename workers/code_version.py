"""Which code computes here: stored with every run and judgment, so that a number can be traced."""

import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


@cache
def code_version() -> str:
    """The package's version, with the first 12 of the commit where the code lies in a git checkout."""
    version = _version()
    commit = _commit(_ROOT / ".git")
    return f"{version}+g{commit[:12]}" if commit else version


def _version() -> str:
    """Of the installed package, or of the checkout that is run without being installed."""
    try:
        return metadata.version("rubricate")
    except metadata.PackageNotFoundError:
        with (_ROOT / "pyproject.toml").open("rb") as file:
            return str(tomllib.load(file)["project"]["version"])


def _commit(git: Path) -> str:
    """Read from the files: git itself need not be installed, and refuses a checkout that someone else owns."""
    try:
        if git.is_file():  # a linked worktree names its folder
            git = (git.parent / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()).resolve()
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref:"):
            return head
        name = head.removeprefix("ref:").strip()
        common = git / "commondir"
        refs = (git / common.read_text(encoding="utf-8").strip()).resolve() if common.exists() else git
        loose = refs / name
        if loose.exists():
            return loose.read_text(encoding="utf-8").strip()
        packed = (refs / "packed-refs").read_text(encoding="utf-8").splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")
    except OSError:
        return ""
