"""What is wrong with a recipe, by the place where it is."""

from collections.abc import Mapping


class RecipeError(ValueError):
    """A recipe that cannot be read or computed.

    Attributes
    ----------
    problems : dict of str to str
        By path, such as ``reward.terms[0].of``: what is wrong there and what was expected.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{path}: {message}" for path, message in problems.items()))
        self.problems = dict(problems)
