"""The model hub's library held to the policy for outgoing HTTP, at every hop of its redirects."""

from __future__ import annotations

from functools import cache


@cache
def hold_hub_to_policy() -> None:
    """Let the hub's library ask only whom the operator allows; to be called before it fetches anything.

    Its own client follows redirects to where files lie, so the policy sits in the transport, below them. Its second
    way of fetching (Xet) opens connections that cannot be held to anything, and stays off.
    """
    import httpx2
    from huggingface_hub import constants, set_client_factory

    from projects.outgoing import PolicyTransport

    constants.HF_HUB_DISABLE_XET = True
    set_client_factory(
        lambda: httpx2.Client(
            transport=PolicyTransport(),
            follow_redirects=True,
            trust_env=False,
            timeout=httpx2.Timeout(60.0, connect=10.0, pool=None),
        )
    )
