"""What a project has to export: the answers that each choice can take."""

from functools import cached_property

from projects.models import Project
from rewards.exporting.choices import Source
from rewards.models import Judgment, Policy, Rater, Rating, RecipeVersion, RewardSignal, Rubric, RubricVersion, Task

_LONGEST_LIST = 300
_LOOKED_AT = 200
"""A rater's newest signals among which channels are looked for."""
OWN_RUBRIC = ("own", "Each task's own rubric, newest version")


class ExportOffers:
    """Read when asked for; lists are cut at a length that people can still read."""

    def __init__(self, project: Project) -> None:
        self._project = project

    @cached_property
    def first_source(self) -> str:
        """The first kind of source that the project has anything of."""
        kinds = {
            Source.COMPARISONS: Judgment.Kind.COMPARISON,
            Source.RANKINGS: Judgment.Kind.RANKING,
            Source.RATINGS: Judgment.Kind.RATING,
            Source.SCORES: Judgment.Kind.VERDICTS,
        }
        standing = Judgment.objects.of(self._project).standing()
        stored = (source for source, kind in kinds.items() if standing.filter(kind=kind).exists())
        found = next(stored, None) or (Source.SIGNALS if self.signals else None)
        if found is None and Rubric.objects.of(self._project).of_tasks().exists():
            return Source.RUBRICS
        return found or Source.COMPARISONS

    @cached_property
    def questions(self) -> list[str]:
        """The rating questions that have answers, `overall` first."""
        asked = Rating.objects.filter(judgment__project=self._project).order_by("question")
        names = list(asked.values_list("question", flat=True).distinct()[:_LONGEST_LIST])
        return sorted(names or ["overall"], key=lambda name: (name != "overall", name))

    @cached_property
    def rubrics(self) -> list[tuple[str, str]]:
        versions = (
            RubricVersion.objects.filter(project=self._project, rubric__task_external_id__isnull=True)
            .select_related("rubric")
            .order_by("rubric__name", "-number")
        )
        shared = [(str(version.pk), f"{version.rubric.name}, version {version.number}") for version in versions]
        own = Rubric.objects.of(self._project).of_tasks().exists()
        return ([*shared, OWN_RUBRIC] if own else shared)[:_LONGEST_LIST]

    @cached_property
    def signals(self) -> list[tuple[str, str]]:
        """Raters with their channels, as `rater:channel`."""
        stored = RewardSignal.objects.of(self._project)
        raters = Rater.objects.of(self._project).filter(pk__in=stored.values("rater")).order_by("name", "pk")
        return [
            (f"{rater.pk}:{channel}", f"{rater.label} · {channel}")
            for rater in raters
            for channel in sorted(
                set(stored.filter(rater=rater).order_by("-id").values_list("channel", flat=True)[:_LOOKED_AT])
            )
        ]

    @cached_property
    def recipes(self) -> list[tuple[str, str]]:
        """Versions of recipes in use, the newest of each recipe first."""
        versions = RecipeVersion.objects.filter(project=self._project, recipe__archived_at__isnull=True)
        named = versions.order_by("recipe__name", "-number").values_list("pk", "recipe__name", "number")
        return [(str(pk), f"{name}, version {number}") for pk, name, number in named[:_LONGEST_LIST]]

    @cached_property
    def raters(self) -> list[tuple[str, str]]:
        kinds = [Judgment.Kind.COMPARISON, Judgment.Kind.RANKING, Judgment.Kind.RATING, Judgment.Kind.VERDICTS]
        found = Rater.objects.who_gave(self._project, kinds)[:_LONGEST_LIST]
        return [(str(rater.pk), f"{rater.label} ({rater.get_kind_display().lower()})") for rater in found]

    @cached_property
    def policies(self) -> list[tuple[str, str]]:
        named = Policy.objects.filter(project=self._project).order_by("name")
        return [(str(pk), name) for pk, name in named.values_list("pk", "name")[:_LONGEST_LIST]]

    @cached_property
    def splits(self) -> list[str]:
        return Task.objects.splits(self._project)
