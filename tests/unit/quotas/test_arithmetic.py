"""Return the amounts of a request by counter."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.quotas.arithmetic import difference, takes

CLASSES = ("vcpu", "memory_gb", "block_gb")
amounts = st.dictionaries(st.sampled_from(CLASSES), st.integers(-50, 50))
pools = st.dictionaries(st.sampled_from(["EXT-X86", "EXT-ARM", "DEV"]), amounts, max_size=3)


@given(pools, st.integers(-1000, 1000))
def test_a_trial_counts_in_both_zone_classes_once_each_and_the_pools_alone(
    by_pool: dict[str, dict[str, int]], fen: int
) -> None:
    found = {
        str(take.counter): take.amount for take in takes(("production", "trial"), by_pool, {"line": fen})
    }
    for name in CLASSES:
        total = sum(pool.get(name, 0) for pool in by_pool.values())
        assert found.get(f"quota:production:{name}", 0) == total
        assert found.get(f"quota:trial:{name}", 0) == total
        for pool, values in by_pool.items():
            assert found.get(f"pool:{pool}:{name}", 0) == values.get(name, 0)
    assert found.get("budget:line", 0) == fen
    assert 0 not in found.values()


@given(pools)
def test_counters_are_always_visited_in_one_order(by_pool: dict[str, dict[str, int]]) -> None:
    targets = [str(take.counter) for take in takes(("production",), by_pool, {})]
    assert targets == sorted(targets)
    backwards = dict(reversed(by_pool.items()))
    assert takes(("production",), by_pool, {}) == takes(("production",), backwards, {})


@given(amounts, amounts)
def test_a_change_takes_what_is_wanted_beyond_what_is_present(
    wanted: dict[str, int], present: dict[str, int]
) -> None:
    changed = difference(wanted, present)
    assert all(present.get(name, 0) + changed.get(name, 0) == wanted.get(name, 0) for name in CLASSES)
