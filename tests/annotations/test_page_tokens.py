"""Where a model's tokens begin and end, as the annotation page gets it to snap marks to them."""

import json

import numpy as np
import pytest

from annotations.actions.lease import lease_next_item
from annotations.page_data import assignment_data
from rewards import signal_store
from rewards.heat import pack_tokens
from rewards.models import Output
from rewards.segmentation import Segmentation
from tests.annotations.campaigns import make_campaign
from tests.factories import make_project, make_user


def test_tokens_that_share_a_character_are_one_and_those_without_any_are_none():
    # Two tokens for one emoji, the end of sequence, and a second message that begins with a gap of one.
    cut = Segmentation("tokenizer:x", np.array([[0, 0, 3], [0, 3, 4], [0, 3, 4], [0, 4, 4], [1, 1, 2]]))
    # Lengths 3 and 1, times two: 6 is G and 2 is C; length 1 with a gap is 3, D, and the gap B.
    assert pack_tokens(cut, 2) == ["GC", "DB"]


@pytest.mark.django_db
def test_the_page_gets_the_tokens_of_one_tokenizer_without_its_name_and_only_where_words_are_marked():
    owner, ann = make_user("olga"), make_user("ann")
    project = make_project("lab", owner=owner, annotator=ann)
    marks = make_campaign(project, owner)
    first, second = Output.objects.filter(project=project).order_by("id")
    # The tokenizer that cut both counts, and not the one that cut one.
    for output, name, end in ((first, "often", 5), (second, "often", 2), (first, "all", 4)):
        signal_store.segmentation_for(output, f"tokenizer:{name}", np.array([[0, 0, end]], dtype="i4"))
    held = lease_next_item(campaign=marks, user=ann)
    data = assignment_data(held)
    packed = {pk: one["tokens"] for pk, one in zip(held.order, data["outputs"], strict=True)}
    assert packed == {first.pk: ["K"], second.pk: ["E"]}
    assert "tokenizer" not in json.dumps(data)

    rating = [{"kind": "rating", "key": "overall", "prompt": "How good?"}]
    plain = make_campaign(project, owner, questions=rating, name="Ratings alone")
    outputs = assignment_data(lease_next_item(campaign=plain, user=ann))["outputs"]
    assert [one["tokens"] for one in outputs] == [None, None]
