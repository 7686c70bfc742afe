"""Version policies, over all sets of versions."""

from hypothesis import given
from hypothesis import strategies as st

from pyserver.config.schema import VersionPolicy
from pyserver.repository.version_policy import wanted_versions

VERSIONS = st.lists(st.integers(min_value=1, max_value=2**63 - 1))


@given(VERSIONS, st.integers(min_value=1, max_value=20))
def test_latest_takes_the_highest(versions: list[int], count: int) -> None:
    wanted = wanted_versions(VersionPolicy(latest=count), versions)
    left = set(versions) - set(wanted)
    assert len(wanted) == min(count, len(set(versions)))
    assert set(wanted) <= set(versions)
    assert all(version < min(wanted) for version in left)


@given(VERSIONS)
def test_all_takes_all_once(versions: list[int]) -> None:
    assert sorted(wanted_versions(VersionPolicy(all=True), versions)) == sorted(set(versions))


@given(VERSIONS, st.lists(st.integers(min_value=1, max_value=2**63 - 1), min_size=1))
def test_specific_takes_what_it_names_even_where_it_is_missing(versions: list[int], named: list[int]) -> None:
    assert set(wanted_versions(VersionPolicy(specific=named), versions)) == set(named)


@given(VERSIONS, st.sampled_from([VersionPolicy(latest=3), VersionPolicy(all=True), VersionPolicy(specific=[2, 9])]))
def test_the_highest_comes_first(versions: list[int], policy: VersionPolicy) -> None:
    wanted = wanted_versions(policy, versions)
    assert list(wanted) == sorted(wanted, reverse=True)
