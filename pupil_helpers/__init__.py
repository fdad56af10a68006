"""Predict neural activity from a mouse's pupil: the package behind the PupilEncoder book.

The names below are loaded when first used, so that importing the package takes no time.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "session",
        "recordings",
        "signals",
        "metrics",
        "models",
        "evaluation",
        "tuning",
        "attribution",
        "plotting",
        "teaching",
        "reports",
    ],
    submod_attrs={
        "session": ["Session", "SessionError"],
        "recordings": ["load_session"],
        "recordings.simulate": ["simulate_session"],
        "recordings.steinmetz": ["read_steinmetz"],
        "recordings.nwb": ["read_nwb"],
        "recordings.alf": ["read_alf"],
        "signals.rates": ["boxcar", "evaluation_kernel", "firing_rates", "gaussian", "smooth"],
        "signals.splits": ["blocked_folds"],
        "metrics.scores": ["bits_per_spike", "bootstrap_ci", "psth_relative", "r2"],
        "models.encoder": ["PupilEncoder"],
        "evaluation.compare": ["compare"],
        "evaluation.summary": ["ceilings", "differences", "out_of_fold", "summary"],
        "evaluation.nulls": ["session_permutation"],
        "evaluation.study": ["study"],
        "tuning.search": ["Search", "tune"],
        "attribution.gradients": ["integrated_gradients"],
        "attribution.lag_profiles": ["lag_profile"],
        "teaching.exercises": ["check"],
        "teaching.explore": ["explore"],
        "reports.study_report": ["study_report"],
    },
)
