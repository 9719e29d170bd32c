"""Content hashes of tasks and outputs: the same id with the same hash is the same version."""

import hashlib

import orjson

from rewards.formats.records import OutputRecord, TaskRecord


def content_hash_of_task(task: TaskRecord) -> str:
    """SHA-256 of all that a rater reads: messages, reference, context. Tags, split and licence are labels."""
    return _sha256([task.messages, task.reference, task.context])


def content_hash_of_output(output: OutputRecord) -> str:
    """SHA-256 of messages, policy and how it was sampled."""
    return _sha256([output.messages, output.policy, output.generation])


def _sha256(content: object) -> str:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
