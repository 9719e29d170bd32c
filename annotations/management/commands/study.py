"""Run a study over a project's stored judgments and print what it found."""

import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotations.actions.study import run_study
from annotations.forms.study import FORMS
from annotations.models import Study
from annotations.quality.said import worded
from annotations.studies.registry import KINDS
from annotations.templatetags.study_charts import as_percent
from projects.models import Project
from rewards.models import Judgment, Rater


class Command(BaseCommand):
    help = "Run a study: `study consistency --project SLUG`, `study agreement --project SLUG --protocol rating`, ..."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("kind", choices=sorted(KINDS))
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--question", default="overall", help="the rating question (overall)")
        parser.add_argument(
            "--protocol",
            choices=[Judgment.Kind.RATING, Judgment.Kind.COMPARISON, Judgment.Kind.VERDICTS],
            default=Judgment.Kind.RATING,
            help="agreement: which judgments",
        )
        parser.add_argument("--metric", choices=["nominal", "ordinal", "interval", "ratio"], help="agreement: of alpha")
        parser.add_argument(
            "--policy", default="", metavar="KEY", help="preference_loss: whose log-probs, a signal's key"
        )
        parser.add_argument("--reference", default="", metavar="KEY", help="preference_loss: or none")
        parser.add_argument(
            "--rater", action="append", metavar="NAME", help="preference_loss: whose pairs (all people)"
        )
        parser.add_argument(
            "--param",
            action="append",
            metavar="NAME=VALUE",
            help="preference_loss: such as dpo.beta=0.05; groups: outcome, passes_from, proxy, policy, rule, strength; "
            "acquisition: answers, options and others of its form",
        )
        parser.add_argument("--campaign", type=int, metavar="ID", help="quality: whose answers")
        parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
        parser.add_argument("--json", action="store_true", help="print the whole result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}.")
        parameters = {"question": options["question"], "seed": options["seed"]}
        if options["kind"] == "agreement":
            nominal = options["protocol"] == Judgment.Kind.COMPARISON
            parameters["protocol"] = str(options["protocol"])
            parameters["metric"] = options["metric"] or ("nominal" if nominal else "interval")
        elif options["kind"] == "preference_loss":
            parameters = self._preference_loss(project, options)
        elif options["kind"] == "groups":
            parameters = self._by_form(project, options, {"seed": options["seed"]})
        elif options["kind"] == "quality":
            parameters["campaign"] = options["campaign"]
        elif options["kind"] == "acquisition":
            parameters = self._acquisition(project, options)
        study = run_study(project, kind=options["kind"], parameters=parameters)
        if study.status == Study.Status.FAILED:
            raise CommandError(study.failure)
        if options["json"]:
            self.stdout.write(json.dumps(study.result, ensure_ascii=False, indent=2))
        elif options["kind"] == "consistency":
            self._print_consistency(study.result)
        elif options["kind"] == "agreement":
            self._print_agreement(study.result)
        elif options["kind"] == "accuracy":
            self._print_accuracy(study.result)
        elif options["kind"] == "preference_loss":
            self._print_preference_loss(study.result)
        elif options["kind"] == "groups":
            self._print_groups(study.result)
        elif options["kind"] == "quality":
            self._print_quality(worded(study.result))
        elif options["kind"] == "acquisition":
            self._print_acquisition(study.result)
        else:
            self._print_dense(study.result)

    def _preference_loss(self, project: Project, options: dict[str, Any]) -> dict[str, Any]:
        """What the page's form would make of the options."""
        given: dict[str, Any] = {
            "policy_log_probs": options["policy"],
            "reference_log_probs": options["reference"],
            "seed": options["seed"],
        }
        names = set(options["rater"] or [])
        raters = dict(Rater.objects.of(project).filter(name__in=names).values_list("name", "pk"))
        if names - set(raters):
            raise CommandError(f"There is no rater {', '.join(sorted(names - set(raters)))} in the project.")
        given["comparison_raters"] = list(raters.values())
        return self._by_form(project, options, given)

    def _by_form(self, project: Project, options: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        given = given | {text.partition("=")[0]: text.partition("=")[2] for text in options["param"] or []}
        form = FORMS[options["kind"]](project, given)
        unknown = [name for name in given if name not in form.fields]
        if unknown:
            raise CommandError(f"There is no parameter {', '.join(unknown)}. Parameters: {', '.join(form.fields)}.")
        if not form.is_valid():
            raise CommandError(
                "; ".join(f"{name}: {' '.join(map(str, errors))}" for name, errors in form.errors.items())
            )
        return form.parameters()

    def _print_consistency(self, result: dict[str, Any]) -> None:
        if not result["pairs"]:
            self.stdout.write("No pair has both ratings and a comparison.")
            return
        rate = result["inconsistency"]
        self.stdout.write(f"{result['pairs']} pairs, {result['consistent']} consistent")
        self.stdout.write(f"inconsistency {rate['value']:.2%} [{rate['low']:.2%}, {rate['high']:.2%}]")
        self.stdout.write(f"hard reversals {result['hard_reversals']} of {result['both_decisive']} decided by both")
        self.stdout.write("rating-implied by comparison:  (a)   (b)  equal")
        for label, row in zip(("A", "B", "equal"), result["table"], strict=True):
            self.stdout.write(f"{label:>28}  " + "".join(f"{count:>6}" for count in row))

    def _print_accuracy(self, result: dict[str, Any]) -> None:
        self.stdout.write(f"{result['decided']} decided comparisons of {result['tasks']} tasks")
        for row in result["rows"]:
            found = "no compared pair is scored" if row["value"] is None else f"{row['value']:.1%}"
            bounds = f" [{row['low']:.1%}, {row['high']:.1%}]" if row["low"] is not None else ""
            self.stdout.write(f"{found}{bounds}  {row['n']} of {row['n_total']}  {row['name']}: {row['scalar']}")
        for row in result["position_bias"]:
            first = row["first"]["value"]
            share = "undefined" if first is None else f"{first:.1%}"
            self.stdout.write(f"first place chosen {share}, {row['consistent']} of {row['n']} steady: {row['name']}")

    def _print_dense(self, result: dict[str, Any]) -> None:
        self.stdout.write(f"{result['spans']} spans on {result['outputs']} outputs")
        self.stdout.write("AUROC  AP     token F1  span F1  first error  signal")
        for row in result["rows"]:
            values = [row["auroc"]["value"], row["average_precision"]["value"], row["token_f1"], row["span_f1"]]
            shown = ["-" if value is None else f"{value:.3f}" for value in [*values, row["first_error"]["value"]]]
            widths = (7, 7, 10, 9, 13)
            line = "".join(text.ljust(width) for text, width in zip(shown, widths, strict=True))
            self.stdout.write(f"{line}{row['name']}: {row['channel']} by {row['segmenter']}")

    def _acquisition(self, project: Project, options: dict[str, Any]) -> dict[str, Any]:
        """The form's own defaults, with what `--param` changes."""
        form = FORMS["acquisition"](project)
        given = {name: field.initial for name, field in form.fields.items()} | {"seed": options["seed"]}
        given |= {"game": "pairs", "source": "simulated"}
        given |= dict(text.partition("=")[::2] for text in options["param"] or [])
        form = FORMS["acquisition"](project, given)
        if not form.is_valid():
            raise CommandError("; ".join(f"{name}: {' '.join(map(str, words))}" for name, words in form.errors.items()))
        return form.parameters()

    def _print_acquisition(self, result: dict[str, Any]) -> None:
        for row in sorted(result["curves"], key=lambda curve: curve["regret"][-1]):
            self.stdout.write(
                f"regret {row['regret'][-1]:8.1f}  best found {row['found']:4.0%}  "
                f"{row['asked']:6.0f} answers  {row['label']}"
            )

    def _print_quality(self, result: dict[str, Any]) -> None:
        self.stdout.write(f"{result['answers']} answers to {result['name']}")
        for row in result["questions"]:
            found = row["note"] or "undefined" if row["value"] is None else f"{row['value']:.3f}"
            bounds = f" [{row['low']:.3f}, {row['high']:.3f}]" if row["low"] is not None else ""
            self.stdout.write(f"{found}{bounds}  {row['measure']}  {row['key']}")
        for row in result["people"]:
            self.stdout.write(f"{row['answered']:>6} by {row['name']}: {'; '.join(row['alarms']) or 'no alarm'}")

    def _print_groups(self, result: dict[str, Any]) -> None:
        meter = result["meter"]
        self.stdout.write(f"{result['outcome']}: {meter['n_outputs']} of {result['outputs']} outputs scored")
        self.stdout.write(f"{result['tasks']} tasks, {as_percent(meter['share_without_gradient'])} without a gradient")
        for row in result["pass_at_k"]:
            self.stdout.write(f"pass@{row['k']} {as_percent(row['value'])} over {row['n']} tasks")
        for row in result["best_of_n"]:
            values = [row[key]["value"] for key in ("proxy", "best")]
            proxy, best = ["-" if value is None else f"{value:.4f}" for value in values]
            self.stdout.write(f"best of {row['n']} by the proxy {proxy}, at best {best}")

    def _print_preference_loss(self, result: dict[str, Any]) -> None:
        self.stdout.write(f"{result['with_policy']} of {result['pairs']} pairs with log-probs, {result['tasks']} tasks")
        for row in result["losses"]:
            values = [row["loss"]["value"], row["people_accuracy"]["value"], row["length_correlation"]["value"]]
            loss, people, length = ["-" if value is None else f"{value:.4f}" for value in values]
            self.stdout.write(
                f"{row['label']:<8}loss {loss}, agrees with people {people}, with length {length}, "
                f"{row['n']} of {row['n_total']} pairs"
            )
        if result["left_out"]:
            self.stdout.write(f"left out without a reference: {', '.join(result['left_out'])}")

    def _print_agreement(self, result: dict[str, Any]) -> None:
        if result["alpha"] is None:
            self.stdout.write("Alpha is undefined: no unit has two values that could differ.")
            return
        self.stdout.write(
            f"alpha {result['alpha']:.4f} over {result['n_units']} units, {result['n_raters']} raters, "
            f"{result['n_values']} values"
        )
