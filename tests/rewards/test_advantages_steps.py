"""Advantages of turns, steps and tokens, and of prefix trees, against values worked by hand and loops over outputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from rewards.advantages.group import group_mean
from rewards.advantages.sequences import backward, lag, lead, positions, returns
from rewards.advantages.tree_projection import tree_projection
from rewards.advantages.trees import node_values, prefix_tree, tree_steps
from rewards.advantages.turns import (
    broken_returns,
    first_pit,
    process_and_outcome,
    step_values,
    token_baseline,
    turn_returns,
    two_level,
)
from rewards.advantages.values import action_decomposition, gae
from rewards.segmentation import Segmentation
from rewards.shaping.rows import Level, Rows

NAN = float("nan")
TWO = np.zeros(2, dtype=np.int64)
FEW = settings(max_examples=40, deadline=None)
RAGGED = st.lists(st.lists(st.integers(-8, 8).map(lambda n: n / 4), max_size=7), min_size=1, max_size=5)


@FEW
@given(gains=RAGGED, seed=st.integers(0, 999))
def test_a_backward_recurrence_is_that_of_a_loop_over_each_output(gains: list[list[float]], seed: int) -> None:
    rows = Rows.ragged("token", gains)
    factors = np.random.default_rng(seed).random(rows.level.size)
    found = rows.with_values(backward(rows.values, factors, rows.level)).to_lists()
    for gain, factor, result in zip(gains, rows.with_values(factors).to_lists(), found, strict=True):
        after = 0.0
        for t in reversed(range(len(gain))):
            after = gain[t] + factor[t] * after
            assert result[t] == pytest.approx(after)


def test_neighbours_and_places_stop_at_the_ends_of_an_output() -> None:
    level = Level.of_lengths("step", [2, 0, 3])
    numbers = np.array([1.0, 2, 3, 4, 5])
    assert lead(numbers, level).tolist() == [2, 0, 4, 5, 0]
    assert lag(numbers, level, np.array([9.0, 8, 7])).tolist() == [9, 1, 7, 3, 4]
    assert positions(level).tolist() == [0, 1, 0, 1, 2]


def test_returns_are_discounted_and_skip_what_is_unscored() -> None:
    # 1 + 4/4 (the second is unscored), and 4.
    assert returns(Rows.ragged("turn", [[1, NAN, 4]]), 0.5).tolist() == pytest.approx([2, NAN, 4], nan_ok=True)


def test_igpo_centres_returns_on_the_same_turn_or_on_all_turns_of_the_group() -> None:
    # Returns 3, 1 and 1, 1: the first turns have mean 2, the second ones 1; all four have mean 3/2.
    reward = Rows.ragged("turn", [[2, 1], [0, 1]])
    assert turn_returns(reward, TWO).to_lists() == [[1, 0], [-1, 0]]
    assert turn_returns(reward, TWO, centre="group").to_lists() == [[1.5, -0.5], [-0.5, -0.5]]
    # At gamma 1/2 the returns are 2.5, 1 and 0.5, 1.
    assert turn_returns(reward, TWO, gamma=0.5).to_lists() == [[1, 0], [-1, 0]]
    scaled = turn_returns(reward, TWO, scale=True, eps=0).to_lists()
    assert scaled[0] == pytest.approx([np.sqrt(0.5), 0])


def test_equal_outcomes_still_tell_turns_apart_where_the_turns_gained_differently() -> None:
    # Both end with probability 0.9 of the answer; the first got there at once, the second only at the end.
    reward = Rows.ragged("turn", [[0.8, 0.1, 0.0], [0.1, 0.0, 0.8]])
    advantages = turn_returns(reward, TWO).to_lists()
    assert advantages[0] == pytest.approx([0, -0.35, -0.4])
    assert advantages[1] == pytest.approx([0, 0.35, 0.4])


def test_a_mismatch_breaks_the_chain_of_returns() -> None:
    # From the end: 1; the mismatch earns nothing of it: 1; 1 + 0.5 * 1 = 1.5.
    reward = Rows.ragged("step", [[1, 1, 1]])
    assert broken_returns(reward, Rows.ragged("step", [[1, 0, 1]]), 0.5).tolist() == [1.5, 1, 1]
    assert broken_returns(reward, None, 0.5).tolist() == [1.75, 1.5, 1]


def test_an_unknown_match_hides_the_returns_of_its_chain_and_no_further() -> None:
    reward = Rows.ragged("step", [[1, 1, 1, 1]])
    hidden = broken_returns(reward, Rows.ragged("step", [[0, 1, NAN, 1]]), 0.5)
    assert hidden.tolist() == pytest.approx([1, NAN, NAN, 1], nan_ok=True)


def test_ui_s1_adds_the_step_to_the_episode() -> None:
    # Returns at gamma 1/2: 1.5, 1 and 0.5, 1. First steps: +-0.5; second: 0. Episodes 2 and 1: +-0.5.
    reward = Rows.ragged("step", [[1, 1], [0, 1]])
    plain = two_level(reward, TWO, scale=False, episode_weight=2).to_lists()
    assert plain == [[1.5, 1], [-1.5, -1]]
    scaled = two_level(reward, TWO, eps=0).to_lists()
    assert scaled[0] == pytest.approx([2 * np.sqrt(0.5), np.sqrt(0.5)])


@FEW
@given(values=RAGGED)
def test_gains_of_steps_add_up_to_the_last_value_less_the_first(values: list[list[float]]) -> None:
    start = Rows.scalars([0.25] * len(values))
    gains = step_values(Rows.ragged("step", values), np.zeros(len(values), dtype=np.int64), start)
    for row, gain in zip(values, gains.to_lists(), strict=True):
        assert not row or sum(gain) == pytest.approx(row[-1] - 0.25)


def test_the_start_is_estimated_by_how_the_group_ended_and_the_first_pit_is_found() -> None:
    # The last Q are 1 and 0: the start is worth 1/2. The second output falls at its second step.
    values = Rows.ragged("step", [[0.5, 1], [0.75, 0, 0]])
    assert step_values(values, TWO).to_lists() == [[0, 0.5], [0.25, -0.75, 0]]
    assert first_pit(values).tolist() == [0, 1]
    unknown = Rows.ragged("step", [[NAN], [NAN, 0.5]])
    assert first_pit(unknown).tolist() == [-1, 1]


def test_pures_baseline_per_step_rewards_the_cut_of_a_text_and_the_one_per_token_does_not() -> None:
    # Two texts of 8 tokens with rewards that add up to 1; one is cut into two steps, the other into four.
    reward = Rows.ragged("step", [[0.5, 0.5], [0.25, 0.25, 0.25, 0.25]])
    tokens = Rows.ragged("step", [[4, 4], [2, 2, 2, 2]])
    fair = token_baseline(reward, TWO, tokens).to_lists()
    # b = 1/8 a token for either: every step earns what is expected of its tokens.
    assert fair == [[0, 0], [0, 0, 0, 0]]
    per_step = token_baseline(reward, TWO, tokens, "step").to_lists()
    # b = 1/4 a step for the first: 1 - 2/4; b = 1/2 for the second: 1 - 4/2. Fewer steps win by 1.5 for the same text.
    assert per_step[0][0] == 0.5
    assert per_step[1][0] == -1


def test_pure_needs_tokens_in_each_step() -> None:
    with pytest.raises(ValueError, match="output 1: a step of 0 tokens"):
        token_baseline(Rows.ragged("step", [[1], [1]]), TWO, Rows.ragged("step", [[1], [0]]))


def prime_by_loops(
    rewards: list[list[float]], outcomes: list[float], groups: list[int], gammas: tuple[float, float]
) -> list[list[float]]:
    result = []
    for i, row in enumerate(rewards):
        peers = [j for j in range(len(rewards)) if groups[j] == groups[i]]
        n = len(peers)
        total = np.zeros(len(row))
        if n > 1:
            means = sum(np.mean(rewards[j]) for j in peers)
            ahead = np.array(row) * n / (n - 1) - means / (n - 1)
            won = outcomes[i] - sum(outcomes[j] for j in peers if j != i) / (n - 1)
            for t in range(len(row)):
                total[t] = 5 * sum(gammas[0] ** (s - t) * ahead[s] for s in range(t, len(row)))
                total[t] += won * gammas[1] ** (len(row) - 1 - t)
        result.append(total.tolist())
    return result


@FEW
@given(
    rewards=st.lists(st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=5), min_size=1, max_size=6),
    seed=st.integers(0, 999),
)
def test_prime_sums_discounted_leave_one_out_returns_of_both_sources(rewards: list[list[float]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups, outcomes = rng.integers(0, 2, len(rewards)), rng.integers(0, 2, len(rewards)).astype(float)
    expected = prime_by_loops(rewards, outcomes.tolist(), groups.tolist(), (0.5, 0.9))
    found = process_and_outcome(
        Rows.ragged("token", rewards), groups, Rows.scalars(outcomes), gamma=0.5, outcome_gamma=0.9, whiten=False
    )
    np.testing.assert_allclose(found.values, np.concatenate(expected), atol=1e-9)


def test_prime_whitens_over_all_tokens() -> None:
    whole = process_and_outcome(Rows.ragged("token", [[1, 0], [0.5]]), TWO, Rows.scalars([1, 0])).values
    assert whole.mean() == pytest.approx(0)
    assert whole.std(ddof=1) == pytest.approx(1)


def tokens_of(texts: list[int]) -> Level:
    """Tokens of one character each, in messages of one output."""
    spans = [(message, at, at + 1) for message, length in enumerate(texts) for at in range(length)]
    return Level.of_segmentations("token", [Segmentation("characters", np.array(spans, dtype=np.int32))], [len(texts)])


def turns_of(texts: list[int]) -> Level:
    spans = [(message, 0, length) for message, length in enumerate(texts)]
    return Level.of_segmentations("turn", [Segmentation("turns", np.array(spans, dtype=np.int32))], [len(texts)])


def test_gae_is_its_recurrence() -> None:
    # V = 1, 2; r = 0, 3; gamma 1/2, lambda 1/2. delta_1 = 3 - 2 = 1; delta_0 = 0 + 1 - 1 = 0; A_0 = 0 + 1/4.
    values = Rows.ragged("token", [[1, 2]])
    reward = values.with_values([0, 3])
    assert gae(reward, np.array([0]), values, 0.5, 0.5).to_lists() == [[0.25, 1]]


def test_poad_discounts_between_actions_and_never_within_one() -> None:
    # Two turns of three and one tokens with rewards 1 and 2, values 0, gamma 1/2, lambda 1: every token of the first
    # turn gets 1 + 1/2 * 2 = 2.
    tokens, turns = tokens_of([3, 1]), turns_of([3, 1])
    reward, values = Rows(turns, np.array([1.0, 2])), Rows(tokens, np.zeros(4))
    assert action_decomposition(reward, np.array([0]), values, 0.5, 1).to_lists() == [[2, 2, 2, 2]]
    # The naive form discounts at each token: 1 + 2/2, then halves twice more.
    assert gae(reward, np.array([0]), values, 0.5, 1).to_lists() == [[0.5, 1, 2, 2]]


@FEW
@given(lengths=st.lists(st.integers(1, 4), min_size=1, max_size=4), longer=st.integers(0, 3), seed=st.integers(0, 999))
def test_poads_advantage_of_an_action_does_not_leak_with_its_length_in_tokens(
    lengths: list[int], longer: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    rewards, starts = rng.normal(size=len(lengths)), rng.normal(size=len(lengths))

    def first_tokens(texts: list[int], estimator: object) -> list[float]:
        tokens, turns = tokens_of(texts), turns_of(texts)
        at = np.cumsum([0, *texts[:-1]])
        values = rng.normal(size=tokens.size)
        values[at] = starts
        rows = estimator(Rows(turns, rewards), np.array([0]), Rows(tokens, values), 0.5, 1)
        return rows.values[at].tolist()

    stretched = [*lengths]
    stretched[longer % len(lengths)] += 3
    short, long = (first_tokens(texts, action_decomposition) for texts in (lengths, stretched))
    # At lambda 1 the values inside cancel: r_k + gamma r_{k+1} + ... - V at the action's first token.
    by_actions = [sum(0.5 ** (j - k) * rewards[j] for j in range(k, len(lengths))) - v for k, v in enumerate(starts)]
    np.testing.assert_allclose(short, by_actions, atol=1e-9)
    np.testing.assert_allclose(long, by_actions, atol=1e-9)
    assert not np.allclose(first_tokens(stretched, gae), by_actions, atol=1e-9)


def test_what_is_unknown_hides_the_advantages_before_it_and_not_those_after() -> None:
    tokens, turns = tokens_of([2, 1]), turns_of([2, 1])
    values = Rows(tokens, np.zeros(3))
    hidden = action_decomposition(Rows(turns, np.array([NAN, 2])), np.array([0]), values)
    assert hidden.values.tolist() == pytest.approx([NAN, NAN, 2], nan_ok=True)
    blind = gae(Rows(turns, np.array([1.0, 2])), np.array([0]), Rows(tokens, np.array([0, NAN, 0])))
    assert blind.values.tolist() == pytest.approx([NAN, NAN, 2], nan_ok=True)


def test_advantages_of_tokens_can_be_whitened_over_the_batch() -> None:
    values = Rows.ragged("token", [[0, 1], [1]])
    whole = gae(Rows.scalars([1, 0]), TWO, values, whiten=True).values
    assert whole.mean() == pytest.approx(0)
    assert whole.std(ddof=1) == pytest.approx(1)


def test_without_a_tree_every_prefix_is_the_task() -> None:
    reward, groups = Rows.scalars([1, 0, 0, 1, NAN]), np.array([0, 0, 0, 1, 1])
    for nodes in (Rows.ragged("step", [[], [], [], [], []]), Rows.ragged("step", [[0], [0], [0], [0], [0]])):
        for worth in ("mean", "largest", "smallest"):
            found = prefix_tree(reward, groups, nodes, worth).values
            np.testing.assert_allclose(found, group_mean(reward, groups).values)


def test_tree_opo_takes_off_what_a_prefix_is_worth_and_centres() -> None:
    # The task's group: 1 and 0 below prefix 1, 1 below prefix 2 and 0 from the start. V: 1/2, 1/2, 1, 1/2.
    reward, groups = Rows.scalars([1, 0, 1, 0]), np.zeros(4, dtype=np.int64)
    nodes = Rows.ragged("step", [[1], [1], [2], []])
    # d = 1/2, -1/2, 0, -1/2; their mean is -1/8.
    assert prefix_tree(reward, groups, nodes).values.tolist() == [0.625, -0.375, 0.125, -0.375]
    # The best below: 1, 1, 1, 1 -> d = 0, -1, 0, -1; the worst: 0, 0, 1, 0 -> d = 1, 0, 0, 0.
    assert prefix_tree(reward, groups, nodes, "largest").values.tolist() == [0.5, -0.5, 0.5, -0.5]
    assert prefix_tree(reward, groups, nodes, "smallest").values.tolist() == [0.75, -0.25, -0.25, -0.25]
    assert prefix_tree(reward, groups, nodes, alpha=0).values.tolist() == [0.5, -0.5, 0.5, -0.5]


def test_the_same_number_in_another_task_is_another_node() -> None:
    reward, groups = Rows.scalars([1, 0]), np.array([0, 1])
    nodes = Rows.ragged("step", [[7, 7], [7]])
    assert node_values(reward, groups, nodes).tolist() == [1, 1, 0]
    with pytest.raises(ValueError, match=r"output 1: node 0\.5: expected a whole number"):
        node_values(reward, groups, Rows.ragged("step", [[1], [0.5]]))
    assert np.isnan(prefix_tree(reward, groups, Rows.ragged("step", [[NAN], [1]])).values).tolist() == [True, False]


def test_a_failure_beside_a_success_below_it_is_worse_than_one_that_has_none() -> None:
    # Below the root: prefix 1 fails twice and succeeds deeper down, prefix 2 fails once. Mean 1/4 of four.
    reward, groups = Rows.scalars([0, 0, 0, 1]), np.zeros(4, dtype=np.int64)
    nodes = Rows.ragged("step", [[1], [1], [2], [1, 3]])
    # Two proven and one open, margin 0.3: less 0.3 / 3 for each of the two, and 2 x 0.3 / 3 more for the one.
    found = tree_projection(reward, groups, nodes, 0.3).values
    np.testing.assert_allclose(found, [-0.35, -0.35, -0.05, 0.75])
    # Of length 4: 4 - (0.01 + 0.01 + 0.04) over 3 x (1/4)^2 + (3/4)^2 = 3/4.
    stretch = np.sqrt(3.94 / 0.75)
    expected = stretch * np.array([-0.25, -0.25, -0.25, 0.75]) + [-0.1, -0.1, 0.2, 0]
    np.testing.assert_allclose(tree_projection(reward, groups, nodes, 0.3, norm="exactly").values, expected)


@settings(max_examples=15, deadline=None)
@given(
    paths=st.lists(st.tuples(st.lists(st.integers(0, 1), max_size=2), st.integers(0, 1)), min_size=2, max_size=6),
    margin=st.sampled_from([0.0, 0.25, 1.0]),
)
def test_the_projection_on_a_tree_is_what_a_solver_of_quadratic_programs_finds(
    paths: list[tuple[list[int], int]], margin: float
) -> None:
    names = [[sum((s + 1) * 4**k for k, s in enumerate(path[: n + 1])) for n in range(len(path))] for path, _ in paths]
    scores = np.array([score for _, score in paths], dtype=float)
    pairs = []
    for i, (path, score) in enumerate(paths):
        for j, (other, of_other) in enumerate(paths):
            is_child = len(other) == len(path) + 1 and other[:-1] == path
            is_sibling = path and other and path[:-1] == other[:-1] and len(path) == len(other)
            near = [any(len(q) > len(p) and q[: len(p)] == p and won for q, won in paths) for p in (path, other)]
            if score == 0 and ((is_child and of_other) or (is_sibling and not of_other and near == [True, False])):
                pairs.append((i, j))
    centred = scores - scores.mean()
    conditions = [{"type": "eq", "fun": np.sum}, {"type": "ineq", "fun": lambda a: len(a) - a @ a}]
    conditions += [{"type": "ineq", "fun": lambda a, i=i, j=j: a[j] - a[i] - margin} for i, j in pairs]
    solved = minimize(lambda a: ((a - centred) ** 2).sum(), centred, constraints=conditions, options={"ftol": 1e-12})
    found = tree_projection(
        Rows.scalars(scores), np.zeros(len(paths), dtype=np.int64), Rows.ragged("step", names), margin
    )
    assert solved.success
    np.testing.assert_allclose(found.values, solved.x, atol=1e-5)


@FEW
@given(
    paths=st.lists(st.tuples(st.lists(st.integers(0, 2), max_size=3), st.integers(0, 1)), min_size=1, max_size=8),
)
def test_steps_of_a_tree_add_up_and_a_better_prefix_never_has_the_lower_baseline(
    paths: list[tuple[list[int], int]],
) -> None:
    # A node is named by its whole path, in base 4.
    names = [[sum((s + 1) * 4**k for k, s in enumerate(path[: n + 1])) for n in range(len(path))] for path, _ in paths]
    reward, groups = Rows.scalars([score for _, score in paths]), np.zeros(len(paths), dtype=np.int64)
    nodes = Rows.ragged("step", names)
    mean = reward.values.mean()
    for (path, _), steps in zip(paths, tree_steps(reward, groups, nodes).to_lists(), strict=True):
        below = [score for other, score in paths if other[: len(path)] == path]
        assert sum(steps) == pytest.approx(np.mean(below) - mean, abs=1e-9)
    baselines = reward.values - prefix_tree(reward, groups, nodes).values
    worth = [np.mean([score for other, score in paths if other[: len(path)] == path]) for path, _ in paths]
    for i in range(len(paths)):
        for j in range(len(paths)):
            assert worth[i] <= worth[j] + 1e-9 or baselines[i] >= baselines[j] - 1e-9
