"""What may be spent on models that cost money, and what has been: by run, by project, by endpoint.

Spent is what runs have cost. A run on two priced endpoints counts with its whole cost for both, so a bound is never
passed unseen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from django.db.models import Sum
from django.utils.translation import gettext, gettext_noop

from projects.models import Project
from workers.models import ModelEndpoint, ProjectBudget, Run, Scorer, ScorerEndpoint

SPENT = "budget_spent"


@dataclass(frozen=True)
class Budget:
    """One bound, in the currency of the endpoints' prices.

    Attributes
    ----------
    of : str
        Whose it is, for a sentence: `this run`, `the project` ...
    amount, spent : float
    model : str
        Of which model it is; empty for a run's or a project's.
    """

    of: str
    amount: float
    spent: float
    model: str = ""

    @property
    def said(self) -> str:
        """Whose it is, in the reader's language."""
        return gettext("the model %(name)s") % {"name": self.model} if self.model else gettext(self.of)

    @property
    def left(self) -> float:
        return max(0.0, self.amount - self.spent)

    @property
    def is_spent(self) -> bool:
        return self.spent >= self.amount


@dataclass(frozen=True)
class Allowance:
    """What a run may still spend, by the tightest of its budgets.

    Attributes
    ----------
    budget : Budget or None
        None: nothing bounds it.
    cost_per_item : float
        Measured in this run; 0 before the first item.
    """

    budget: Budget | None
    cost_per_item: float = 0.0

    @property
    def affordable(self) -> float:
        """How many items it covers, those under way included: at the mean cost measured in this run; the first item of
        a run is begun alone, to measure one."""
        if self.budget is None:
            return math.inf
        if self.budget.is_spent:
            return 0
        if not self.cost_per_item:
            return 1
        # A hair for sums of floats: three items must be affordable at thrice the cost of one.
        return math.floor(self.budget.left / self.cost_per_item + 1e-9)


def project_spent(project: Project) -> float:
    """What the project's runs have cost; one query."""
    return Run.objects.of(project).aggregate(cost=Sum("cost", default=0.0))["cost"]  # type: ignore[no-any-return]


def endpoint_spent(endpoint_id: int) -> float:
    """What all runs on the endpoint have cost, in every project; one query."""
    scorers = ScorerEndpoint.objects.filter(endpoint=endpoint_id).values("scorer")
    return Run.objects.filter(scorer__in=scorers).aggregate(cost=Sum("cost", default=0.0))["cost"]  # type: ignore[no-any-return]


def project_budget(project: Project) -> Budget | None:
    """The project's bound and what is spent of it; two queries."""
    amount = ProjectBudget.objects.filter(project=project).values_list("amount", flat=True).first()
    return None if amount is None else Budget(gettext_noop("the project"), amount, project_spent(project))


def endpoint_budget(endpoint: ModelEndpoint) -> Budget | None:
    """The endpoint's bound and what is spent of it; one query where it has one."""
    if endpoint.budget is None:
        return None
    return Budget(f"the model {endpoint.name}", endpoint.budget, endpoint_spent(endpoint.pk), endpoint.name)


def budgets_of(run: Run) -> list[Budget]:
    """Every bound that holds for the run, read anew; four queries and one more for each bounded endpoint."""
    now = Run.objects.values("budget", "cost").get(pk=run.pk)
    found = [] if now["budget"] is None else [Budget(gettext_noop("this run"), now["budget"], now["cost"])]
    of_project = project_budget(run.project)
    endpoints = ModelEndpoint.objects.filter(uses__scorer=run.scorer_id, budget__isnull=False).distinct()
    of_endpoints = [endpoint_budget(endpoint) for endpoint in endpoints]
    return [*found, *(budget for budget in (of_project, *of_endpoints) if budget is not None)]


def allowance_of(run: Run) -> Allowance:
    """What the run may still spend; as many queries as `budgets_of` and one."""
    budgets = budgets_of(run)
    if not budgets:
        return Allowance(None)
    cost, attempted = Run.objects.values_list("cost", "attempted_count").get(pk=run.pk)
    return Allowance(min(budgets, key=lambda budget: budget.left), cost / attempted if attempted else 0.0)


def spent_budget(run: Run) -> Budget | None:
    """The first bound that the run has reached."""
    return next((budget for budget in budgets_of(run) if budget.is_spent), None)


def is_priced(scorer: Scorer) -> bool:
    """Whether any model of the scorer has prices; one query."""
    return ModelEndpoint.objects.filter(uses__scorer=scorer).exclude(prices={}).exists()
