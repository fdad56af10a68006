"""What every model of the book has in common: ``fit``, ``predict``, ``score``."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..checks import check_pupil
from ..metrics import scores
from ..session import BIN_SIZE
from ..signals.rates import evaluation_kernel

TINY = 1e-6  # expected counts below this cannot be told from silence


@contextmanager
def one_thread():
    """Let torch use one CPU thread inside the block, and as many as before after it.

    Networks of this size gain nothing from more, and two busy programs that each ask for
    every core slow one another down tenfold.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(eq=False, repr=False)  # scikit-learn compares and shows models in its own way
class Encoder(BaseEstimator):
    """Base of all encoding models, in the manner of scikit-learn.

    Subclasses set ``_fit(pupil, counts)`` and ``_predict(pupil)``; this class checks the
    arrays, keeps the training PSTH for the PSTH-relative score, and scores.

    Parameters
    ----------
    bin_size : float, optional
        Width of a bin in seconds. :func:`~pupil_helpers.evaluation.compare.compare` takes it from
        the session; on arrays alone, 10 ms are assumed.

    Attributes
    ----------
    bin_size_ : float
        The width that was used.
    psth_ : ndarray of float32, (bins, regions)
        Mean counts of the training trials.
    """

    bin_size: float | None = None

    def fit(self, pupil, counts):
        """Fit to training trials. If it fails, the model is not fitted, whatever it was before.

        Parameters
        ----------
        pupil : array_like, (trials, bins, 3)
            Area, x and y; missing samples are NaN.
        counts : array_like, (trials, bins, regions)
            Spike counts summed over each region's neurons.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If shapes or values cannot be used; the message names the array and the remedy.
        """
        self._forget()
        pupil, counts = check_pair(pupil, counts)
        if np.isnan(pupil).all():
            raise ValueError(
                "pupil is missing (NaN) in every training trial; nothing to learn from"
            )
        try:
            self.bin_size_ = self._check_bin_size()
            self.psth_ = counts.mean(axis=0)  # (bins, regions)
            self._fit(pupil, counts)
        except BaseException:
            self._forget()
            raise
        return self

    def _forget(self) -> None:
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)

    def _check_bin_size(self) -> float:
        bin_size = BIN_SIZE if self.bin_size is None else self.bin_size
        if not (np.isscalar(bin_size) and np.isfinite(bin_size) and bin_size > 0):
            raise ValueError(f"bin_size is {bin_size!r}; give the width of a bin in seconds")
        return float(bin_size)

    def predict(self, pupil) -> np.ndarray:
        """Expected spike counts per bin, float32 (trials, bins, regions).

        Trials are predicted one by one: the result for a trial does not depend on the others.

        Raises
        ------
        NotFittedError
            (scikit-learn's, a ValueError) Before :meth:`fit`.
        ValueError
            If ``pupil`` has another shape than the model was fitted with.
        """
        check_is_fitted(self, msg="this %(name)s is not fitted yet; call fit first")
        pupil = check_pupil(pupil)
        if pupil.shape[1] != len(self.psth_):
            raise ValueError(
                f"pupil has {pupil.shape[1]} bins, but the model was fitted with {len(self.psth_)}"
            )
        return np.asarray(self._predict(pupil), dtype=np.float32)

    def score(self, pupil, counts, metric: str = "r2", per_region: bool = False):
        """Score the prediction of held-out trials.

        Parameters
        ----------
        pupil, counts
            As in :meth:`fit`, of trials that were not fitted.
        metric : {"r2", "psth_relative", "bits_per_spike", "poisson_d2", "median_trial_r2"}
            See :mod:`pupil_helpers.metrics.scores`; squared-error scores smooth both sides with
            the evaluation kernel (100 ms).
        per_region : bool, default False
            Return one score per region instead of their mean.

        Returns
        -------
        float, or ndarray (regions,)
        """
        counts, predicted = check_counts(counts), self.predict(pupil)
        kernel = evaluation_kernel(self.bin_size_)
        if metric == "psth_relative":
            values = scores.psth_relative(counts, predicted, self.psth_, kernel)
        elif metric in ("r2", "median_trial_r2"):
            values = getattr(scores, metric)(counts, predicted, kernel)
        elif metric in ("bits_per_spike", "poisson_d2"):
            values = getattr(scores, metric)(counts, predicted)
        else:
            raise ValueError(
                f"unknown metric {metric!r}; use r2, psth_relative, bits_per_spike, poisson_d2 "
                "or median_trial_r2"
            )
        return values if per_region else float(np.mean(values))


def check_counts(counts) -> np.ndarray:
    """Return ``counts`` as float32 (trials, bins, regions), or say what is wrong with it."""
    try:
        counts = np.asarray(counts)
    except ValueError:
        raise ValueError(
            "counts is ragged; give numbers of shape (trials, bins, regions)"
        ) from None
    if counts.ndim != 3 or 0 in counts.shape or counts.dtype.kind not in "buif":
        raise ValueError(
            f"counts has shape {counts.shape} and dtype {counts.dtype}, expected numbers of shape "
            "(trials, bins, regions); see Session.region_counts"
        )
    counts = counts.astype(np.float32)
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise ValueError("counts has missing, infinite or negative values; drop those trials")
    return counts


def check_pair(pupil, counts) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays checked, and that they have the same trials and bins."""
    pupil, counts = check_pupil(pupil), check_counts(counts)
    if pupil.shape[:2] != counts.shape[:2]:
        raise ValueError(
            f"pupil has (trials, bins) = {pupil.shape[:2]} but counts has {counts.shape[:2]}; "
            "give both the same trials and bins"
        )
    return pupil, counts
