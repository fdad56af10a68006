"""What was measured on a real recording: the stored numbers of ``benchmarks/real_session.py``."""

from __future__ import annotations

import pandas as pd

from .._files import read_table


def stored_evidence(what: str | None = None) -> pd.DataFrame:
    """Scores, ceilings and controls of the real session of mouse Cori, 2016-12-17.

    Parameters
    ----------
    what : {"recording", "score", "ceiling", "linear shift", "trial shuffle"}, optional
        By default everything.

    Returns
    -------
    pandas.DataFrame
        One number per row: ``what``, ``measure``, ``model`` (NaN where none has a part in it),
        ``region``, ``value``. Scores have the 95 % interval over trials, ``low`` and ``high``, and
        beside it the SD of the score over ``seeds`` fits, ``seed_sd`` (NaN for one).
        ``data_sha256`` of the recording, ``code`` (version of the package, and the start of the
        SHA-256 of its code) and ``date`` say what the number was made from, and when.

    Raises
    ------
    ValueError
        If nothing of that name is stored.
    """
    table = read_table("evaluation/evidence.csv")
    if what is None:
        return table
    known = table["what"].unique()
    if what not in known:
        raise ValueError(f"nothing is stored about {what!r}; choose from {', '.join(known)}.")
    return table[table["what"] == what].reset_index(drop=True)
