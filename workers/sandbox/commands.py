"""What the sandbox may start: Python, and the commands that the operator of this machine has set up.

Project members choose a command by its name; its words come from the settings alone (`SANDBOX_COMMANDS`):

    {"node-22": {"command": ["/opt/node/bin/node", "{file}"], "file": "main.js", "folders": ["/opt/node"],
                 "address_space": false}}

The name enters the scorer's hash and the words do not: another version of a tool takes another name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

PYTHON = "python"
FILE = "{file}"


class UnknownCommandError(LookupError):
    """No command has that name, or its setting cannot be read."""


@dataclass(frozen=True, slots=True)
class Command:
    """How to run a file of code.

    Attributes
    ----------
    words : tuple of str
        An absolute path and its arguments; ``{file}`` stands for the file's name.
    file : str
        The name that the code is given in the working folder.
    folders : tuple of str
        That it may read beside the system's own.
    address_space : bool
        Whether the address space of its processes is limited, not only the memory in use.
    """

    words: tuple[str, ...]
    file: str
    folders: tuple[str, ...] = ()
    address_space: bool = True

    def for_file(self, name: str) -> list[str]:
        """The words that run the file of that name."""
        return [word.replace(FILE, name) for word in self.words]


def command_named(name: str) -> Command:
    """The command of that name.

    Raises
    ------
    UnknownCommandError
        Names those there are, or what is wrong with the setting.
    """
    if name == PYTHON:
        return _python()
    commands: Mapping[str, Any] = settings.SANDBOX_COMMANDS
    if name not in commands:
        raise UnknownCommandError(f"expected one of {', '.join([PYTHON, *commands])}")
    return _read(name, commands[name])


def _python() -> Command:
    """The interpreter that runs this, without the packages of its virtual environment."""
    executable = os.path.realpath(sys.executable)
    prefix = os.path.realpath(sys.base_prefix)
    is_systems_own = prefix == "/usr"
    return Command((executable, "-I", "-B", FILE), "main.py", () if is_systems_own else (prefix,))


def _read(name: str, setting: Any) -> Command:
    expected = "expected a command (a list of words, an absolute path first, with {file}) and a file name"
    try:
        words, file = list(setting["command"]), setting["file"]
        folders = list(setting.get("folders", []))
    except (TypeError, KeyError, AttributeError):
        raise UnknownCommandError(f"the setting of {name} is incomplete: {expected}") from None
    paths = [*words[:1], *folders]
    if not paths or not all(isinstance(text, str) for text in (*words, file, *folders)):
        raise UnknownCommandError(f"the setting of {name} cannot be read: {expected}")
    if not all(path.startswith("/") for path in paths):
        raise UnknownCommandError(f"the setting of {name} has a path that is not absolute: {expected}")
    return Command(tuple(words), file, tuple(folders), address_space=bool(setting.get("address_space", True)))
