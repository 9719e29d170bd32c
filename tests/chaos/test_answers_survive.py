"""No answer that was acknowledged is lost or doubled, whatever is killed while people annotate.

What the clients were told is held against the tables, which are read by SQL.
"""

import json
import os
import random
import socket
from collections import Counter

import pytest

from tests.chaos.annotators import Annotator, Crowd

pytestmark = pytest.mark.chaos

# All in all. They follow each other as fast as people get something through in between.
KILLS = int(os.environ.get("CHAOS_KILLS", "200"))
SEED = int(os.environ.get("CHAOS_SEED", "20261122"))
PEOPLE = 6
ITEMS = 3000
# Between two kills so many submits are acknowledged: nothing is killed while nothing gets through.
SUBMITS_BETWEEN = 3
SECONDS_BETWEEN = 90

SET_UP = """
import json
from datetime import timedelta
from django.utils import timezone
from annotations.actions.campaign import ProtocolContent, create_campaign, open_campaign
from annotations.protocols.presets import COMPARISON, RATING
from projects.actions.token import issue_token
from projects.models import Project, User
project = Project.objects.get(slug="answers")
people = [User.objects.create_user(f"chaos-{number}", password=None) for number in range({people})]
for person in people:
    project.memberships.create(user=person, role="owner" if person is people[0] else "annotator")
content = ProtocolContent(questions=[RATING, COMPARISON], guidelines="")
campaign = create_campaign(
    project=project, actor=people[0], name="Chaos", protocol=content, overlap=len(people), undo_minutes=60
)
open_campaign(campaign=campaign, actor=people[0])
later = timezone.now() + timedelta(days=1)
secrets = [issue_token(user=person, name="chaos", scopes=["annotate"], expires_at=later).secret for person in people]
print(json.dumps([campaign.pk, secrets]))
"""


JUDGMENTS = """
SELECT act::text, array_agg(rating.value::int ORDER BY rating.value) FILTER (WHERE rating.judgment_id IS NOT NULL),
    count(comparison.judgment_id), count(*), count(withdrawn_at)
FROM rewards_judgment AS judgment
LEFT JOIN rewards_rating AS rating ON rating.judgment_id = judgment.id
LEFT JOIN rewards_comparison AS comparison ON comparison.judgment_id = judgment.id
WHERE act IS NOT NULL GROUP BY act
"""
# Granted to more people than the overlap, or with counters that the assignments do not bear out.
ITEMS_MISCOUNTED = """
SELECT item.id, granted_count, item.submitted_count, overlap FROM annotations_campaignitem AS item, LATERAL (
    SELECT count(*) FILTER (WHERE status IN ('leased', 'submitted')) AS granted,
        count(*) FILTER (WHERE status = 'submitted') AS submitted
    FROM annotations_assignment AS assignment WHERE assignment.item_id = item.id
) AS found, annotations_campaign AS campaign
WHERE campaign.id = item.campaign_id
    AND (granted_count <> granted OR item.submitted_count <> submitted OR granted > overlap)
"""


@pytest.fixture
def people(stack):
    """A campaign for six, two web servers, and a worker with beat."""
    path = stack.folder / "answers.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(ITEMS):
            outputs = [{"id": f"{number}-{policy}", "policy": policy, "text": f"It is {policy}."} for policy in "pq"]
            file.write(json.dumps({"id": str(number), "prompt": "Which?", "outputs": outputs}) + "\n")
    stack.manage("import_data", "--project", "answers", "--create", "--format", "rubricate_jsonl", path)
    campaign, secrets = json.loads(stack.python(SET_UP.replace("{people}", str(PEOPLE))).splitlines()[-1])
    ports = [free_port() for _ in range(2)]
    for port in ports:
        stack.start_web(port)
    stack.start_worker(queue="cpu", beat=True)
    address = f"projects/answers/campaigns/{campaign}"
    return [Annotator(f"chaos-{n}", secret, address, ports, SEED + n) for n, secret in enumerate(secrets)]


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def kill_one(stack, chosen, port):
    if chosen == "web":
        stack.start_web(port)
    elif chosen == "worker":
        stack.restart_worker(0, queue="cpu", beat=True)
    elif chosen == "broker":
        stack.restart_broker()
    else:
        stack.kill_database()


def test_no_acknowledged_answer_is_lost_or_doubled_by_kills_of_anything(stack, people, capsys):
    dice = random.Random(SEED)
    killed = Counter()
    with Crowd(people) as crowd:
        for _ in range(KILLS):
            wanted = crowd.acknowledged + SUBMITS_BETWEEN
            stack.wait_until(
                lambda wanted=wanted: crowd.acknowledged >= wanted or crowd.faults,
                seconds=SECONDS_BETWEEN,
                what="people get through between two kills",
            )
            if crowd.faults:
                break
            chosen = dice.choice(["web", "worker", "broker", "postgresql"])
            kill_one(stack, chosen, dice.choice(people[0].ports))
            killed[chosen] += 1
    assert crowd.faults == [], stack.logs()
    assert killed.total() == KILLS
    assert_the_tables_hold_what_was_acknowledged(stack, people)
    lost, refused = (sum(getattr(person, of) for person in people) for of in ("lost", "refused"))
    with capsys.disabled():
        print(f"\n{dict(killed)} killed, {crowd.acknowledged} submits, {lost} requests lost, {refused} refused")  # noqa: T201


def assert_the_tables_hold_what_was_acknowledged(stack, people):
    ledger = {key: known for person in people for key, known in person.submits.items()}
    rows = stack.rows(
        "SELECT idempotency_key, assignment_id, answer, act::text, undone_at IS NOT NULL FROM annotations_submission"
    )
    assert len(rows) == len(ledger)
    assert {key: row for key, *row in rows} == {
        key: [known.assignment, known.answer, known.act, known.is_undone] for key, known in ledger.items()
    }
    judgments = {act: row for act, *row in stack.rows(JUDGMENTS)}
    assert judgments == {
        # Two ratings and a comparison, which stand unless they were taken back.
        known.act: [sorted(known.answer["overall"].values()), 1, 3, 3 * known.is_undone]
        for known in ledger.values()
    }
    assert stack.rows(ITEMS_MISCOUNTED) == []
    standing = sum(not known.is_undone for known in ledger.values())
    assert stack.sql("SELECT submitted_count FROM annotations_campaign") == standing
    assert stack.sql("SELECT sum(submitted_count) FROM annotations_campaignprogress") == standing
