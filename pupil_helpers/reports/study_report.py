"""A study as one page that can be read, sent and printed: HTML with everything in it."""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from .._files import write_text
from ..evaluation.study_results import LOWEST_CEILING, Study
from ..evaluation.study_units import VERSIONS
from ..plotting.study_figures import region_map, region_scores
from ..plotting.style import use_style

STYLE = """
:root { color-scheme: light dark; --ink: #222; --paper: #fdfdfb; --line: #ccc; }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --paper: #16181b; --line: #555; } }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
figure { margin: 1.5rem 0; } img { max-width: 100%; height: auto; border-radius: 6px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
caption, figcaption { text-align: left; margin: .4rem 0; font-size: .92rem; }
caption { max-width: min(50rem, 90vw); }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid var(--line); }
td { white-space: nowrap; }
th:first-child, td:first-child, .words th, .words td { text-align: left; white-space: normal; }
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""

EXCHANGEABLE = (
    "This assumes that the sessions are exchangeable: the same task, cut in the same way, and "
    "pupils that vary alike, so that if there is no link any of these pupils could as well have "
    "been the session's own. It is not so where sessions differ in task, length or recording."
)


def study_report(folder, model: str | None = None) -> Path:
    """Write ``report.html`` into the folder of a study; it needs no other file and no network.

    A map of regions × animals, score over ceiling with intervals, p-values corrected over regions,
    all models side by side, failures, and a methods paragraph to paste, with versions.

    Parameters
    ----------
    folder : path or Study
        As it was given to :func:`~pupil_helpers.evaluation.study.study`.
    model : str, optional
        The model to show. By default ``PupilEncoder`` or, without it, the one with the best mean
        PSTH-relative score.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    ValueError
        If the study has no results yet, or none of this model.
    FileNotFoundError
        If the folder holds no study.
    """
    study = folder if isinstance(folder, Study) else Study(folder)
    regions = study.by_region()
    model = _shown(regions, model, study.folder)
    mine = regions[regions["model"] == model].sort_values("share", ascending=False)
    scores = study.scores()
    sections = [
        _opening(scores, model, study.failures()),
        _map_section(mine, scores[scores["model"] == model], model),
        _region_section(mine, scores[scores["model"] == model], study.p_values(), model),
        _null_section(study),
        _model_section(regions),
        _failure_section(study.failures()),
        _methods_section(study, model),
    ]
    title = f"Study of {scores['session'].nunique()} sessions"
    page = PAGE.format(title=title, style=STYLE, body="\n".join(sections))
    write_text(study.folder / "report.html", page)
    return study.folder / "report.html"


def _shown(regions, model, folder) -> str:
    if regions.empty:
        raise ValueError(f"{folder} has no results yet; call study(…) with this folder first.")
    means = regions.groupby("model", sort=False)["psth_relative"].mean()
    if model is None:
        return "PupilEncoder" if "PupilEncoder" in means else means.idxmax()
    if model not in means:
        raise ValueError(f"no results of model {model!r}; the study has {', '.join(means.index)}.")
    return model


# -- sections -----------------------------------------------------------------------------------


def _opening(scores, model, failures) -> str:
    text = (
        f"{scores['session'].nunique()} sessions of {scores['animal'].nunique()} animals, "
        f"{scores['region'].nunique()} regions, {scores['model'].nunique()} models. Shown: "
        f"{model}. "
    )
    failed = f"Failures: {len(failures)}, see below." if len(failures) else "Nothing failed."
    return f"<p>{html.escape(text + failed)}</p>"


def _map_section(mine, scores, model) -> str:
    order = list(mine["region"])
    shares = scores.pivot_table("share", "region", "animal", dropna=False).reindex(order)
    best = mine.iloc[0]
    alt = (
        f"Map of {len(order)} regions by {shares.shape[1]} animals: R² of {model} over the "
        f"ceiling. Highest on average: {best['region']}, {_number(best['share'])}. "
        "The numbers per region are in the table below."
    )
    note = (
        "R² over the split-half ceiling, mean over the animal's sessions. Empty: not recorded, or "
        f"a ceiling below {LOWEST_CEILING}, by which nothing is divided."
    )
    return "<h2>Regions and animals</h2>\n" + _figure(region_map, alt, note, shares)


def _region_section(mine, scores, p_values, model) -> str:
    alt = f"R² of {model} over the ceiling, region by region; the same numbers are in the table."
    note = "Dots: sessions. Diamonds: mean over animals, with its 95 % interval if there are two."
    figure = _figure(region_scores, alt, note, mine, scores)
    wide = mine.merge(p_values[["region", "p", "q"]], "left", "region")
    table = pd.DataFrame({
        "region": wide["region"],
        "animals": wide["animals"], "sessions": wide["sessions"],
        "neurons": wide["neurons"].map("{:.0f}".format),
        "ceiling": wide["ceiling"].map(_number), "R²": wide["r2"].map(_number),
        "R² / ceiling": _with_interval(wide, "share"),
        "over the PSTH": _with_interval(wide, "psth_relative"),
        "p": wide["p"].map(_p), "q": wide["q"].map(_p),
    })  # fmt: skip
    caption = (
        f"{model}. Neurons: median over sessions. Over the PSTH: share of the PSTH's squared error "
        "that the model removes. Intervals are 95 %, over animals; sessions of an animal are "
        "averaged first. p: session permutation; q: p corrected over regions "
        "(Benjamini–Hochberg). A dash: too few animals, or no test."
    )
    return f"<h2>Score over ceiling</h2>\n{figure}\n{_table(table, caption)}"


def _null_section(study) -> str:
    tests = study.p_values("session")
    head = "<h2>Is the pupil linked to the region?</h2>\n"
    if tests.empty:
        return head + "<p>No session permutation was made; give study a budget, null=19 say.</p>"
    least = int(tests["others"].min())
    text = (
        "Every session's counts were paired with its own pupil and with pupils of other sessions, "
        f"and the model was fitted anew to each pairing; {least} other pupils at least, so that p "
        f"of one session cannot be less than {1 / (1 + least):.2g}. {EXCHANGEABLE}"
    )
    table = tests.assign(
        score=tests["score"].map(_number), p=tests["p"].map(_p), q=tests["q"].map(_p)
    )
    caption = "Session by session; q is corrected over all rows."
    rows = f"<details><summary>All {len(tests)} tests</summary>{_table(table, caption)}</details>"
    return f"{head}<p>{text}</p>\n{rows}"


def _model_section(regions) -> str:
    means = regions.groupby("model", sort=False)[["r2", "share", "psth_relative"]].mean()
    table = means.map(_number).reset_index()
    table.columns = ["model", "R²", "R² / ceiling", "over the PSTH"]
    return "<h2>All models</h2>\n" + _table(table, "Means over regions.")


def _failure_section(failures) -> str:
    head = "<h2>Failures</h2>\n"
    if failures.empty:
        return head + "<p>None.</p>"
    columns = ["kind", "session", "model", "seed", "pupil_of", "error"]
    table = failures[columns].dropna(axis=1, how="all").fillna("")
    return head + _table(
        table, "Calling study again with the same folder tries them again.", "words"
    )


def _methods_section(study, model) -> str:
    table, design = study.table(), study.design
    made = [", ".join(sorted(set(table[name]))) for name in VERSIONS]
    tests = study.nulls()
    text = (
        f"Spike counts, summed over the neurons of each region (at least {design['min_neurons']}), "
        "were predicted from pupil area and position with pupil_helpers {} (code {}; Python {}, "
        "NumPy {}, PyTorch {}). ".format(*made)
        + f"Models ({', '.join(table['model'].unique())}) were fitted to "
        f"{table['session'].nunique()} sessions of {table['animal'].nunique()} animals and tested "
        f"on {design['n_folds']} contiguous blocks of trials in turn, {design['gap']} trials on "
        "either side of a block being left out of training; "
        f"{table['seed'].nunique()} seed(s) each. R² was computed over all trials, each predicted "
        "by the model that had not seen it, counts and predictions being smoothed with a boxcar "
        "of 100 ms, and divided by a ceiling: the agreement of random halves of the region's "
        "neurons, corrected to their full number (Spearman–Brown). Sessions were averaged within "
        "animals; intervals are 95 % t intervals over animals. "
    )
    if len(tests):
        text += (
            "For the null hypothesis of no link, the counts of each session were paired with "
            "pupils of other sessions, preferably of other animals, and the model "
            f"({', '.join(tests['model'].unique())}) was fitted anew to every pairing in "
            f"{', '.join(map(str, sorted(set(tests['folds']))))} folds (session permutation; "
            "Harris 2020). Regions were tested over their sessions by permutation in strata and "
            "corrected for their number (Benjamini and Hochberg 1995). " + EXCHANGEABLE
        )
    return f"<h2>Methods, to paste</h2>\n<p>{html.escape(text)}</p>"


# -- pieces -------------------------------------------------------------------------------------


def _figure(draw, alt: str, note: str, *data) -> str:
    """A figure drawn in the book's style, as a picture inside the page."""
    with mpl.rc_context({"svg.hashsalt": "study"}):
        use_style()
        figure = draw(*data)
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
        plt.close(figure)
    picture = base64.b64encode(stream.getvalue()).decode()
    image = f'<img alt="{html.escape(alt)}" src="data:image/svg+xml;base64,{picture}">'
    return f"<figure>{image}<figcaption>{html.escape(note)}</figcaption></figure>"


def _table(table: pd.DataFrame, caption: str, kind: str = "") -> str:
    head = "".join(f'<th scope="col">{html.escape(str(name))}</th>' for name in table)
    rows = [
        "<tr>" + "".join(f"<td>{html.escape(str(value))}</td>" for value in row) + "</tr>"
        for row in table.itertuples(index=False)
    ]
    label, caption = html.escape(caption.split(".")[0]), html.escape(caption)
    # It can be scrolled with the keyboard too, should it be wider than the page.
    opening = f'<div class="wide" tabindex="0" role="region" aria-label="{label}">'
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'{opening}<table class="{kind}"><caption>{caption}</caption>{body}</table></div>'


def _number(value) -> str:
    return "–" if pd.isna(value) else f"{value:z.2f}"


def _p(value) -> str:
    return "–" if pd.isna(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _with_interval(table, name) -> list[str]:
    columns = zip(table[name], table[f"{name}_low"], table[f"{name}_high"], strict=True)
    return [
        _number(mean) if pd.isna(low) else f"{mean:z.2f} [{low:z.2f}, {high:z.2f}]"
        for mean, low, high in columns
    ]
