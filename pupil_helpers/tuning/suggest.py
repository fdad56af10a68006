"""What to try next, and when to give up on a trial: both from the trials known so far."""

from __future__ import annotations

from functools import partial

import numpy as np
from hyperopt import rand, space_eval, tpe

from .objective import RUNGS, rung


def find_algorithm(algo, n_startup: int):
    """A suggest function in hyperopt's form: ``(new_ids, domain, trials, seed) -> docs``."""
    if callable(algo):
        return algo
    known = {
        "tpe": partial(tpe.suggest, n_startup_jobs=n_startup, verbose=False),
        "random": rand.suggest,
        "optuna": partial(optuna_suggest, n_startup=n_startup),
    }
    if algo not in known:
        raise ValueError(f"algo is {algo!r}; use 'tpe', 'random', 'optuna' or a callable")
    return known[algo]


def seeded(algorithm, seed: int):
    """``algorithm`` with a seed that depends on the trial's number only.

    Hyperopt draws one seed after the other from a generator: taken up again, a search would
    start with the first seed, and draw the same random points once more.
    """

    def suggest(new_ids, domain, trials, _):
        draw = np.random.SeedSequence([seed, new_ids[0]]).generate_state(1)[0]
        return algorithm(new_ids, domain, trials, int(draw) % 2**31)

    return suggest


def drawn_values(doc) -> dict:
    """Label → value drawn, None where the label plays no part in this trial."""
    return {label: plain(v[0]) if v else None for label, v in doc["misc"]["vals"].items()}


def to_params(space, drawn: dict) -> dict:
    """The parameters that the drawn values stand for."""
    params = space_eval(space, {k: v for k, v in drawn.items() if v is not None})
    return {name: plain(value) for name, value in params.items()}


def plain(value):
    return value.item() if isinstance(value, np.generic) else value


def bars(known: list[dict], n_startup: int) -> list[tuple[float, float]]:
    """The losses above which a trial is hopeless, as (share of its epochs, loss)."""
    limits = []
    for share, quantile in RUNGS:
        reached = []
        for record in known:
            if not record["n_steps"]:  # it failed before its first epoch
                continue
            curve, step = record["curve"], rung(share, record["n_steps"])
            seen = [loss for loss in curve[:step] if loss is not None]
            if len(curve) >= step and seen:
                reached.append(min(seen))
        if len(reached) >= n_startup:
            limits.append((share, float(np.quantile(reached, quantile))))
    return limits


def optuna_suggest(new_ids, domain, trials, seed, n_startup=10):
    """Optuna's TPE, told all earlier trials each time."""
    try:
        import optuna
    except ImportError:
        raise ValueError(
            "algo='optuna' needs Optuna; install it with: pip install 'pupil-helpers[optuna]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ranges = {label: Range(node) for label, node in domain.params.items()}
    choices = {label: r.distribution(optuna.distributions) for label, r in ranges.items()}
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=n_startup)
    )
    for doc in trials.trials:
        values = {k: v[0] for k, v in doc["misc"]["vals"].items() if v}
        loss = doc["result"].get("loss")
        state = optuna.trial.TrialState.FAIL if loss is None else optuna.trial.TrialState.COMPLETE
        study.add_trial(
            optuna.trial.create_trial(
                params={k: ranges[k].clip(v) for k, v in values.items()},
                distributions={k: choices[k] for k in values},
                value=loss,
                state=state,
            )
        )
    asked = study.ask(choices).params
    (doc,) = rand.suggest(new_ids, domain, trials, seed)
    for label, value in asked.items():
        doc["misc"]["vals"][label] = [ranges[label].round(value)]
        doc["misc"]["idxs"][label] = list(new_ids)
    return [doc]


class Range:
    """One hyperopt expression as Optuna sees it: bounds, log scale, whole numbers, steps."""

    def __init__(self, node):
        bounds = [arg.obj for arg in node.pos_args if hasattr(arg, "obj")]
        named = {name: arg.obj for name, arg in node.named_args if hasattr(arg, "obj")}
        kind = node.name
        self.log, self.step, self.whole = "log" in kind, None, kind in ("randint", "uniformint")
        if kind == "randint":  # also what hp.choice draws
            low, high = (0, named.get("upper", bounds[0])) if len(bounds) < 2 else bounds[:2]
            self.low, self.high = int(low), int(high) - 1
        elif kind in ("uniform", "loguniform", "quniform", "qloguniform", "uniformint"):
            low, high = named.get("low", bounds[0]), named.get("high", bounds[1])
            self.low, self.high = (np.exp(low), np.exp(high)) if self.log else (low, high)
            if kind[0] == "q":
                self.step = named.get("q", bounds[-1])
        else:
            raise ValueError(
                f"algo='optuna' does not know hp.{kind}; use uniform, loguniform, quniform, "
                "qloguniform, uniformint, randint or choice"
            )

    def distribution(self, distributions):
        if self.whole:
            return distributions.IntDistribution(int(self.low), int(self.high))
        return distributions.FloatDistribution(float(self.low), float(self.high), log=self.log)

    def clip(self, value):
        """Rounding to steps may have left the bounds."""
        value = min(max(value, self.low), self.high)
        return int(value) if self.whole else float(value)

    def round(self, value):
        return value if self.step is None else round(value / self.step) * self.step
