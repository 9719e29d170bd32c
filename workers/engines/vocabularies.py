"""Which vocabulary a tokenizer has: two models that share one can be compared token by token."""

from __future__ import annotations

import json
from pathlib import Path

from workers.engines.hashing import sha256_lines


def vocabulary_hash(folder: Path) -> str:
    """SHA-256 of the tokens in the order of their ids; empty where no fast tokenizer's file says them.

    Control tokens that were added do not count, since no text is read as one of them: a model that was trained on from
    another keeps its vocabulary however many it was given. The tokenizer's other files do not count either.
    """
    try:
        model = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
        vocabulary = model["vocab"]
        # By name with its id, or (Unigram) in order, each with its score.
        tokens = (
            sorted(vocabulary, key=vocabulary.__getitem__)
            if isinstance(vocabulary, dict)
            else [str(token) for token, _ in vocabulary]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return sha256_lines(json.dumps(token) for token in tokens)
