"""Kinds of mice: what they say, and how they are joined."""

import pytest

from pupil_helpers.recordings.drives import FEATURES, HIDDEN
from pupil_helpers.recordings.kinds import DRIVEN, KINDS, REGIONS, kind_of_mouse


@pytest.mark.parametrize("kind", ["mouse", "", "memory + mouse", "memory +", None, 3, ["home"]])
def test_unknown_kind_is_refused_with_the_kinds_there_are(kind):
    with pytest.raises(ValueError, match="unknown kind") as error:
        kind_of_mouse(kind)
    assert all(name in str(error.value) for name in KINDS)


@pytest.mark.parametrize("kind", ["memory + unforeseen", "memory + null", "null+unforeseen"])
def test_contradicting_kinds_are_refused(kind):
    with pytest.raises(ValueError, match="sets 'follows' twice; leave one out"):
        kind_of_mouse(kind)


def test_joined_kinds_add_up_in_any_order():
    joined = kind_of_mouse("memory + few trials+few neurons")
    assert joined == kind_of_mouse("few neurons + home + few trials + memory + memory")
    assert (joined.n_trials, joined.gains) == (60, None)
    memory = KINDS["memory"].regions()
    for name, region in joined.regions().items():
        assert region.neurons == 4
        assert region.kernels == memory[name].kernels


def test_home_mouse_has_the_regions_as_they_are():
    assert kind_of_mouse("home").regions() == REGIONS
    assert DRIVEN == ("SCs", "SCm", "LGd")


@pytest.mark.parametrize("kind", KINDS)
def test_every_region_follows_what_there_is(kind):
    for name, region in kind_of_mouse(kind).regions().items():
        assert bool(region.kernels) == (name in DRIVEN and kind != "null")
        assert {(channels, feature) for channels, feature, *_ in region.kernels} <= set(FEATURES)
        assert region.kernels or region.hidden in HIDDEN
