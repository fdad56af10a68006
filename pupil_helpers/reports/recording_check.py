"""Is a recording what its owner thinks it is? ``python -m pupil_helpers.check my_file`` says.

Field by field it prints what was found, and what is wrong or deserves a look, and it draws one page
of pictures.
"""

from __future__ import annotations

import argparse
import sys
import warnings
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .._files import TooLarge, npy_header, written_whole
from ..session import CHANNELS, Session, SessionError
from ..signals.cleaning import find_outliers
from ..signals.saccades import find_saccades

FEW_TRIALS, FEW_NEURONS = 100, 20
MOST_MISSING = 0.2
NO_REGION = {"", "nan", "none", "root", "void", "unknown", "n/a"}
PICTURES = (".png", ".pdf", ".svg")


class Finding(NamedTuple):
    """One line of the report: a field, what it holds and, if anything is the matter, what."""

    field: str
    found: str
    look: str = ""


def read_recording(path, index: int = 12) -> Session:
    """Open a recording with the reader that its name calls for.

    Parameters
    ----------
    path : str or Path
        A session file or Neuromatch part file (``.npz``), an NWB file, or an ALF folder.
    index : int, default 12
        Which session of a part file.

    Raises
    ------
    SessionError, OSError, ImportError
        As the readers do; also if no reader takes such a file.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        from ..recordings.alf import read_alf

        return read_alf(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}; check the path")
    if path.suffix.lower() == ".nwb":
        from ..recordings.nwb import read_nwb

        return read_nwb(path)
    if path.suffix.lower() != ".npz":
        raise SessionError(
            f"{path.name} is neither .npz (a saved session or a Neuromatch part), .nwb, nor an ALF "
            "folder; for other files see the page 'Use your own recording'"
        )
    if "dat" in stored_arrays(path):
        from ..recordings.steinmetz import read_steinmetz

        return read_steinmetz(path, index)
    return Session.load(path)


def stored_arrays(path) -> dict[str, str]:
    """Shape and dtype that each array of an ``.npz`` declares; empty if it is none."""
    declared = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    shape, dtype = npy_header(member)
                declared[name.removesuffix(".npy")] = f"{dtype} {shape}"
    except (OSError, ValueError, zipfile.BadZipFile, TooLarge, NotImplementedError, RuntimeError):
        pass  # what is wrong with it, its reader says
    return declared


def findings(session: Session) -> list[Finding]:
    """What a session holds, field by field, and what deserves a look."""
    return [*_shape(session), *_pupil(session), *_spikes(session), *_regions(session)]


def _shape(session) -> list[Finding]:
    n, start = session.n_trials, session.start
    end = start + session.n_bins * session.bin_size
    few = f"fewer than {FEW_TRIALS}: five folds leave little to learn from"
    event = "the event at 0 s lies outside; check start" if not start <= 0 < end else ""
    columns = ", ".join(map(str, session.trials)) or "no columns"
    empty = [str(name) for name, column in session.trials.items() if column.isna().all()]
    window = f"{session.n_bins} of {1000 * session.bin_size:g} ms, {start:g} to {end:g} s"
    return [
        Finding("name", session.name),
        Finding("trials", f"{n}; {columns}", few if n < FEW_TRIALS else ""),
        *[Finding("trials", name, "is missing in every trial") for name in empty],
        Finding("bins", window, event),
    ]


def _pupil(session) -> list[Finding]:
    found = []
    for channel, name in enumerate(CHANNELS):
        line, missing = session.pupil[..., channel], session.missing[..., channel]
        if missing.all():
            found.append(Finding(name, "not recorded", "models make do with the other channels"))
            continue
        low, middle, high = np.nanquantile(line, [0.01, 0.5, 0.99])
        text = f"{middle:.4g} ({low:.4g} to {high:.4g}), {missing.mean():.1%} missing"
        look = []
        if missing.mean() > MOST_MISSING:
            look.append(f"{missing.all(axis=1).sum()} trials hold no sample")
        if low == high:
            look.append("never changes; is it the right column?")
        if name == "area" and low < 0:
            look.append("negative areas; is it standardised, or another column?")
        found.append(Finding(name, text, "; ".join(look)))
    wrong = find_outliers(session.pupil, session.bin_size)
    many = "clean it first (clean_pupil)" if wrong.mean() > 0.001 else ""
    found.append(Finding("outliers", f"{wrong.mean():.2%} of the moments", many))
    if not session.missing[..., 1:].all():
        number = len(find_saccades(session.pupil, session.bin_size))
        rate = number / (session.n_trials * session.n_bins * session.bin_size)
        odd = "more than an eye makes; noise, or the wrong bin size?" if rate > 5 else ""
        none = "none: is the eye's position frozen, or in another column?" if not number else ""
        found.append(Finding("saccades", f"{rate:.2f} per second", odd or none))
    return found


def _spikes(session) -> list[Finding]:
    rate = session.spikes.mean(axis=(0, 1)) / session.bin_size  # (neurons,)
    silent = int((rate == 0).sum())
    empty = np.flatnonzero(~session.spikes.any(axis=(1, 2)))
    look = [f"{silent} neurons never fire; drop them"] if silent else []
    if len(empty):
        look.append(f"{len(empty)} trials without any spike, first {empty[0]}; beyond the end?")
    if (highest := session.spikes.max() / session.bin_size) > 1000:
        look.append(f"up to {highest:.0f} spikes/s in one bin; are these counts of one neuron?")
    number = f"{session.n_neurons} neurons, {np.median(rate):.1f} spikes/s (median)"
    return [Finding("spikes", number, "; ".join(look))]


def _regions(session) -> list[Finding]:
    found = []
    for name, row in session.region_table().iterrows():
        neurons, look = int(row["neurons"]), ""
        if str(name).strip().lower() in NO_REGION:
            look = "is no region; leave these neurons out, or name it"
        elif neurons < FEW_NEURONS:
            look = f"fewer than {FEW_NEURONS} neurons: a low and badly known ceiling"
        text = f"{neurons} neurons, {row['rate_hz']:.1f} spikes/s each"
        found.append(Finding(f"region {name or '(no name)'}", text, look))
    return found


def check_recording(path, *, index: int = 12, out=None, file=None) -> int:
    """Print what a recording holds and what is wrong, and draw its page.

    Parameters
    ----------
    path : str or Path
    index : int, default 12
        Which session of a Neuromatch part file.
    out : str or Path, optional
        The page of pictures (.png, .pdf or .svg). By default beside the file, as
        ``<name>_check.png``.
    file : text file, optional
        Where to print; standard output by default.

    Returns
    -------
    int
        0 if the recording can be used, 1 if not.
    """
    path = Path(path).expanduser()
    out = Path(out).expanduser() if out else path.with_name(f"{path.stem}_check.png")

    def say(text):
        print(text, file=file or sys.stdout)

    if out.suffix.lower() not in PICTURES:
        say(f"{out.name} is no picture; end its name in one of {', '.join(PICTURES)}")
        return 1
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", UserWarning)
            session = read_recording(path, index)
    except (SessionError, OSError, ImportError, MemoryError) as error:
        for name, declared in stored_arrays(path).items() if path.is_file() else ():
            say(f"  {name:<24} {declared}")
        say(f"WRONG: {error}")
        return 1
    found = findings(session)
    for field, text, look in found:
        say(f"  {field:<16} {text}" + (f"\n  {'':<16} LOOK: {look}" if look else ""))
    for warning in warned:
        say(f"  {'':<16} LOOK: {warning.message}")
    _draw(session, out)
    looks = sum(bool(finding.look) for finding in found) + len(warned)
    say(f"{path.name} can be used; {looks or 'no'} line(s) deserve a look. Pictures: {out}")
    return 0


def _draw(session: Session, out: Path) -> None:
    import matplotlib.pyplot as plt

    from ..plotting.recording_page import recording_page

    fig = recording_page(session)
    try:
        with written_whole(out) as file:
            fig.savefig(file, format=out.suffix[1:].lower(), dpi=110)
    finally:
        plt.close(fig)


def main(arguments: list[str]) -> int:
    """The command: ``my_file [--index 12] [--out page.png]``."""
    parser = argparse.ArgumentParser(
        prog="python -m pupil_helpers.check", description="Is a recording what you think it is?"
    )
    parser.add_argument("recording", help="a session or part file (.npz), .nwb, or ALF folder")
    parser.add_argument("--index", type=int, default=12, help="which session of a part file")
    parser.add_argument("--out", help="the page of pictures (.png, .pdf or .svg)")
    given = parser.parse_args(arguments)
    return check_recording(given.recording, index=given.index, out=given.out)
