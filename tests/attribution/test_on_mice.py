import numpy as np
import pytest

from pupil_helpers.attribution.on_mice import EXPLAINED, explain_mouse, stored_shares
from pupil_helpers.evaluation.mice import CHOSE
from pupil_helpers.models.linear import Ridge
from pupil_helpers.recordings.kinds import DRIVEN
from pupil_helpers.recordings.simulate import simulate_session

KEY = ["region", "channel"]


def test_one_row_for_each_driven_region_and_channel_beside_its_truth():
    table = explain_mouse(Ridge(bin_size=0.01), 3, n_trials=40).set_index(KEY)
    truth = simulate_session(3, n_trials=40).truth
    assert len(table) == 3 * len(DRIVEN)
    assert set(table["mouse"]) == {3}
    np.testing.assert_allclose(table.groupby("region")["share"].sum(), 1)
    lgd = truth.regions.tolist().index("LGd")
    assert table.loc[("LGd", "x"), "true_share"] == pytest.approx(truth.channel_share[lgd, 1])
    assert table.loc[("LGd", "x"), "true_lag"] == pytest.approx(truth.peak_lag[lgd, 1])
    assert np.isnan(table.loc[("LGd", "y"), "true_lag"])


def test_the_stored_table_is_of_mice_that_chose_nothing():
    table = stored_shares()
    assert set(table["mouse"]) == set(EXPLAINED)
    assert not set(EXPLAINED) & set(CHOSE)
    assert len(table) == len(EXPLAINED) * 3 * len(DRIVEN)
    totals = table.groupby(["mouse", "region"])[["share", "true_share"]].sum()
    np.testing.assert_allclose(totals, 1, atol=1e-3)
    one = table[table["mouse"] == EXPLAINED[0]].set_index(KEY)
    truth = simulate_session(EXPLAINED[0]).truth
    scm = truth.regions.tolist().index("SCm")
    assert one.loc[("SCm", "area"), "true_share"] == pytest.approx(
        truth.channel_share[scm, 0], abs=1e-4
    )
