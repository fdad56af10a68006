"""The simulated mouse: does it do what its truth says, and does it resemble the real session?"""

import time
import warnings
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from pupil_helpers.recordings.calibration import stored_calibration
from pupil_helpers.recordings.kinds import DRIVEN, KINDS, REGIONS
from pupil_helpers.recordings.simulate import simulate_session
from pupil_helpers.session import CHANNELS, Session

SEEDS = (0, 1, 2)
AREA, X, Y = range(3)


@cache
def mouse(seed=0, **options) -> Session:
    return simulate_session(seed=seed, **options)


def row(session, region) -> int:
    return session.truth.regions.tolist().index(region)


# -- one seed, one mouse -------------------------------------------------------------------------


def test_same_seed_gives_the_same_session_and_another_seed_another_mouse():
    a, b = (simulate_session(seed=3, n_trials=6, n_bins=50) for _ in range(2))
    np.testing.assert_array_equal(a.pupil, b.pupil)  # NaN where the other is NaN
    np.testing.assert_array_equal(a.spikes, b.spikes)
    assert a.trials.equals(b.trials)
    other = simulate_session(seed=4, n_trials=6, n_bins=50)
    assert not np.array_equal(a.spikes, other.spikes)
    assert not np.allclose(a.truth.pupil, other.truth.pupil)
    assert not np.allclose(a.truth.channel_share, other.truth.channel_share)
    assert a.regions.tolist() == other.regions.tolist()


def test_provenance_says_how_to_make_it_again(tmp_path):
    session = simulate_session(seed=np.int64(3), n_trials=6, n_bins=50, kind="memory")
    told = session.provenance
    assert (told["source"], told["reader"], told["sha256"]) == ("simulated", "simulate_session", "")
    assert told["version"]
    assert told["settings"]["kind"] == "memory"
    again = simulate_session(**told["settings"])
    np.testing.assert_array_equal(again.spikes, session.spikes)
    assert Session.load(session.save(tmp_path / "s.npz")).provenance == told


def test_default_session_has_the_promised_shape_in_time():
    started = time.process_time()  # CPU time: other jobs on the machine do not count
    session = simulate_session(seed=7)
    assert time.process_time() - started < 3
    assert session.pupil.shape == (300, 250, 3)
    assert session.spikes.shape[:2] == (300, 250)
    assert session.time[0] == pytest.approx(-0.495)
    assert len(session.trials) == 300
    assert session.trials["stimulus_time"].diff().min() > 2.5  # trials do not overlap
    sizes = session.region_table()["neurons"]
    assert all(30 <= sizes[region] <= 60 for region in REGIONS)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    n_trials=st.integers(2, 6),
    n_bins=st.integers(2, 60),
    bin_size=st.sampled_from([0.001, 0.01, 0.02, 0.1, 1.0]),
    start=st.sampled_from([-10.0, -0.5, 0.0, 20.0]),
    scale=st.sampled_from([0.0, 1.0]),
    blink_rate=st.sampled_from([0.0, 2.0]),
)
def test_every_size_gives_a_valid_session(
    seed, n_trials, n_bins, bin_size, start, scale, blink_rate
):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no sample of a simulated eye is wild
        session = simulate_session(
            seed, n_trials, n_bins, bin_size, start, scale, scale, blink_rate=blink_rate
        )
    assert session.spikes.shape[:2] == (n_trials, n_bins)
    assert np.isfinite(session.truth.rates).all()
    assert (session.truth.rates > 0).all()
    assert session.time[0] == pytest.approx(start + bin_size / 2)


# -- counts follow the true rates ---------------------------------------------------------------


def test_counts_are_poisson_around_the_true_rates_without_private_noise():
    """Over bins sorted by true rate (chi-square) and bin by bin: right mean, Poisson's scatter."""
    session = mouse(5, n_trials=60, noise_scale=0.0)
    rates, counts = (a.ravel().astype(float) for a in (session.truth.rates, session.spikes))
    cells = np.array_split(rates.argsort(), 400)  # bins of similar rate, many spikes in each
    expected, observed = (np.array([a[cell].sum() for cell in cells]) for a in (rates, counts))
    statistic = ((observed - expected) ** 2 / expected).sum()
    low, high = chi2.ppf([0.001, 0.999], df=len(cells))
    assert low < statistic < high
    assert ((counts - rates) ** 2).sum() / rates.sum() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("region", REGIONS)
def test_mean_counts_agree_with_the_true_rates(region):
    """Private gains are noise around the rate: they leave the mean alone, and add scatter."""
    ratios, excess = [], []
    for seed in SEEDS:
        counts = mouse(seed).region_counts(region).sum(1)[:, 0].astype(float)  # (trials,)
        rates = mouse(seed).true_region_rates(region).sum(1, dtype=float)[:, 0]
        ratios.append(counts.mean() / rates.mean())
        excess.append(((counts - rates) ** 2).mean() / rates.mean())
    assert np.mean(ratios) == pytest.approx(1, abs=0.03)
    assert np.mean(excess) > 1.3  # Poisson: 1


def test_counts_of_wide_bins_do_not_wrap():
    session = simulate_session(seed=0, n_trials=3, n_bins=5, bin_size=60.0)
    assert session.spikes.max() > 1000
    ratio = session.spikes.sum() / session.truth.rates.sum(dtype=float)
    assert ratio == pytest.approx(1, abs=0.2)


# -- the truth about the pupil -------------------------------------------------------------------


def test_shares_belong_to_driven_regions_and_sum_to_one():
    truth = mouse().truth
    assert truth.regions[truth.driven].tolist() == list(DRIVEN)
    np.testing.assert_allclose(truth.channel_share[truth.driven].sum(1), 1)
    assert (truth.channel_share >= 0).all()
    assert not truth.channel_share[~truth.driven].any()
    assert not truth.kernels[~truth.driven].any()
    assert np.array_equal(np.isfinite(truth.peak_lag), truth.channel_share > 0)


def test_kernels_peak_where_the_truth_says():
    truth = mouse().truth
    for region, channel in zip(*np.nonzero(truth.channel_share), strict=True):
        peak = truth.lags[np.abs(truth.kernels[region, channel]).argmax()]
        assert peak == pytest.approx(truth.peak_lag[region, channel], abs=0.006)
    follows, leads = (truth.peak_lag[row(mouse(), name), X] for name in ("SCs", "SCm"))
    assert leads < 0 < follows  # saccades


def seen_by(region, pupil, bin_size):
    """What the docstring of ``simulate`` says a region sees, from the pupil (trials, bins, 3)."""
    velocity = np.gradient(pupil[..., 1:].astype(float), bin_size, axis=1)
    if region == "SCm":
        velocity[..., 0] = np.maximum(velocity[..., 0], 0)  # rightward movements only
    return np.concatenate([np.log(pupil[..., :1]), np.tanh(np.abs(velocity) / 150)], axis=-1)


@pytest.mark.parametrize("region", DRIVEN)
def test_kernels_on_the_pupil_give_the_true_rates(region):
    """Away from the trial's ends, kernels * pupil is all there is besides the PSTH."""
    session = mouse()
    truth, r = session.truth, row(session, region)
    features = seen_by(region, truth.pupil, session.bin_size)  # (trials, bins, 3)
    n = len(truth.lags)
    windows = np.lib.stride_tricks.sliding_window_view(features, n, axis=1)  # (…, 3, lags)
    drive = np.einsum("tbcl,cl->tb", windows[..., ::-1], truth.kernels[r])
    ahead = np.count_nonzero(truth.lags < -1e-9)  # bins of the future that a kernel needs
    inside = slice(n - 1 - ahead, session.n_bins - ahead)
    rate = truth.rates[:, inside, session.regions == region]
    rate = np.log(rate) - np.log(rate).mean(0)  # the PSTH is the same in every trial
    drive = (drive - drive.mean(0))[..., None]
    slope = (rate * drive).sum((0, 1)) / (drive**2).sum()  # each neuron has its own
    assert ((rate - slope * drive) ** 2).sum() < 1e-3 * (rate**2).sum()
    assert slope.min() > 0.4
    assert slope.max() < 1.6


def test_without_drive_only_the_psth_is_left():
    session = mouse(1, n_trials=4, drive_scale=0.0)
    np.testing.assert_allclose(session.truth.rates, session.truth.rates[:1].repeat(4, 0), rtol=1e-5)
    assert not session.truth.driven.any()
    assert not session.truth.channel_share.any()
    assert not session.truth.kernels.any()
    assert np.isnan(session.truth.peak_lag).all()


# -- the eye ------------------------------------------------------------------------------------


def test_the_camera_misses_blinks_and_adds_small_noise_but_the_truth_does_not():
    session = mouse()
    blink = session.missing[..., 0]
    assert 0.002 < blink.mean() < 0.05
    for channel in range(len(CHANNELS)):
        np.testing.assert_array_equal(session.missing[..., channel], blink)
    assert np.isfinite(session.truth.pupil).all()
    noise = np.nanstd(session.pupil - session.truth.pupil, axis=(0, 1))
    assert (noise > 0).all()
    assert (noise < 0.1 * session.truth.pupil.std((0, 1))).all()
    assert not simulate_session(seed=0, n_trials=5, blink_rate=0.0).missing.any()


def test_eye_looks_like_an_eye():
    pupil = mouse().truth.pupil
    assert (pupil[..., AREA] > 0).all()
    x, y = pupil[..., X], pupil[..., Y]
    assert np.corrcoef(x.ravel(), y.ravel())[0, 1] > 0.3  # x and y jump together
    speed = np.abs(np.gradient(x, 0.01, axis=1))
    assert np.median(speed) < 0.1 * np.quantile(speed, 0.99)  # mostly still, now and then fast
    level = pupil[..., AREA].mean(1)
    assert np.corrcoef(level[:-1], level[1:])[0, 1] > 0.3  # arousal outlasts a trial


# -- the statistics of the real session ---------------------------------------------------------

# Session 12 of Steinmetz et al. 2019, 0 to 0.4 s after the stimulus, region sums in a 100 ms
# boxcar, as `benchmarks/calibration.py` measured and stored it: mean rate (Hz per neuron), median
# Fano factor, split-half ceiling, R² of the PSTH, share of variance between trials, correlation of
# one trial's mean with the next's. The columns are computed anew below, by other code.
REAL = stored_calibration("counts")
# Rates and Fano factors are parts of themselves; the others are shares, with a sampling error
# (SD over simulated mice) of up to 0.05, and of 0.1 for the last.
TOLERANCE = {"rate": 0.1, "fano": 0.15, "ceiling": 0.1, "psth": 0.03, "between": 0.2, "lag 1": 0.25}


def statistics(spikes, bin_size=0.01, width=10, n_splits=50) -> tuple:
    """What ``TOLERANCE`` names, for the spikes (trials, bins, neurons) of one region."""
    totals = spikes.sum(1, dtype=float)  # (trials, neurons)
    fano = totals.var(0, ddof=1) / np.maximum(totals.mean(0), 1e-9)
    fano = np.median(fano[totals.mean(0) > 0])
    running = np.cumsum(np.pad(spikes, ((0, 0), (1, 0), (0, 0))), axis=1, dtype=float)
    smooth = running[:, width:] - running[:, :-width]  # (trials, windows, neurons)
    halves, rng = [], np.random.default_rng(0)
    for _ in range(n_splits):
        first = rng.permutation(smooth.shape[2]) < smooth.shape[2] // 2
        a, b = smooth[..., first].sum(-1).ravel(), smooth[..., ~first].sum(-1).ravel()
        r = np.corrcoef(a, b)[0, 1]
        halves.append(2 * r / (1 + r))  # Spearman-Brown
    region = smooth.sum(-1)  # (trials, windows)
    means = region.mean(1)
    return (
        spikes.mean() / bin_size,
        fano,
        np.mean(halves),
        region.mean(0).var() / region.var(),
        means.var() / region.var(),
        np.corrcoef(means[:-1], means[1:])[0, 1],
    )


@pytest.mark.parametrize("region", REAL.index)
def test_statistics_are_those_of_the_real_session(region):
    measured = []
    for seed in SEEDS:
        session = mouse(seed)
        after = (session.time > 0) & (session.time < 0.4)
        measured.append(statistics(session.spikes[:, after][..., session.regions == region]))
    for name, ours, real in zip(
        TOLERANCE, np.mean(measured, 0), REAL.loc[region, [*TOLERANCE]], strict=True
    ):
        tolerance = TOLERANCE[name] * (real if name in ("rate", "fano") else 1)
        assert abs(ours - real) < tolerance, f"{name}: {ours:.2f}, in the real session {real}"


# -- kinds of mice -------------------------------------------------------------------------------


def of_kind(kind, **options) -> Session:
    return mouse(kind=kind, n_trials=100, **options)


def strayed(session, region, half) -> np.ndarray:
    """What half of a region's neurons fired in each trial beyond their true rates, (trials,)."""
    neurons = np.flatnonzero(session.regions == region)[half::2]
    return (session.spikes[..., neurons] - session.truth.rates[..., neurons]).sum((1, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_a_valid_session_with_its_truth(kind):
    session, truth = of_kind(kind), of_kind(kind).truth
    assert session.n_neurons == (24 if kind == "few neurons" else 256)
    assert np.isfinite(truth.rates).all()
    assert truth.regions[truth.driven].tolist() == [*DRIVEN] * (kind != "null")
    for field in (truth.channel_share, truth.kernels):
        assert not field[~truth.driven].any()
        assert np.isnan(field[truth.driven]).all() == (kind in ("memory", "unforeseen", "null"))
    again = simulate_session(kind=kind, n_trials=100)
    np.testing.assert_array_equal(session.spikes, again.spikes)
    np.testing.assert_array_equal(session.pupil, again.pupil)
    assert kind == "home" or kind in session.name


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_fires_as_much_and_is_driven_as_strongly(kind):
    session = of_kind(kind)
    rates, drives = [], []
    for name, region in REGIONS.items():
        own = session.regions == name
        rates.append(session.spikes[..., own].mean() / session.bin_size / region.rate)
        log_rate = np.log(session.truth.rates[..., own])  # drive x loading, and the PSTH
        drives.append((log_rate - log_rate.mean(0)).std((0, 1)).mean() / region.drive)
        after = session.spikes[..., own][:, (session.time > 0) & (session.time < 0.4)]
        totals = after.sum(1, dtype=float)  # (trials, neurons)
        totals = totals[:, totals.any(0)]
        assert 0.9 < np.median(totals.var(0, ddof=1) / totals.mean(0)) < 3  # Fano factors
    assert np.mean(rates) == pytest.approx(1, abs=0.1)
    assert np.mean(drives) == pytest.approx(1, abs=0.2)


def test_kind_sets_the_number_of_trials_unless_it_is_given():
    assert simulate_session(kind="few trials + few neurons", n_bins=20).n_trials == 60
    assert simulate_session(kind="few trials + few neurons", n_bins=20, n_trials=8).n_trials == 8


@pytest.mark.parametrize("region", REGIONS)
def test_in_the_null_mouse_every_region_drifts(region):
    level = np.log(of_kind("null").true_region_rates(region)).mean(1)[:, 0]  # (trials,)
    assert np.corrcoef(level[:-1], level[1:])[0, 1] > 0.8


def test_private_gains_are_shared_by_a_region_and_not_in_the_true_rates():
    gains, home = (of_kind(kind, drive_scale=0.0) for kind in ("private gains", "home"))
    np.testing.assert_allclose(gains.truth.rates, gains.truth.rates[:1].repeat(100, 0), rtol=1e-5)
    together, apart = (
        [np.corrcoef(strayed(of, name, 0), strayed(of, name, 1))[0, 1] for name in REGIONS]
        for of in (gains, home)
    )
    assert np.mean(together) > 0.4
    assert abs(np.mean(apart)) < 0.1
    between = np.corrcoef([strayed(gains, name, 0) for name in REGIONS])
    assert abs(between[np.triu_indices(len(REGIONS), 1)].mean()) < 0.15  # each region its own


def test_truth_without_shares_survives_files_and_slices(tmp_path):
    session = simulate_session(kind="memory + few neurons", n_trials=4, n_bins=20)
    for copy in (Session.load(session.save(tmp_path / "mouse.npz")), session[1:3]):
        for field in ("channel_share", "peak_lag", "kernels", "driven"):
            ours, theirs = (getattr(s.truth, field) for s in (session, copy))
            np.testing.assert_array_equal(ours, theirs)  # NaN where the other is NaN
    silent = simulate_session(kind="memory", n_trials=4, n_bins=20, drive_scale=0.0).truth
    assert not silent.channel_share.any()
    assert not silent.kernels.any()


# -- bad arguments -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_trials", 1),
        ("n_trials", "many"),
        ("n_bins", float("nan")),
        ("bin_size", 0),
        ("bin_size", float("inf")),
        ("start", float("nan")),
        ("drive_scale", float("inf")),
        ("noise_scale", float("nan")),
        ("blink_rate", -0.1),
    ],
)
def test_bad_argument_is_named(name, value):
    with pytest.raises(ValueError, match=f"^{name} is .*give"):
        simulate_session(**{"n_trials": 2, "n_bins": 5, name: value})
