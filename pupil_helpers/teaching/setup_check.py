"""Is this machine ready for the book? What is there, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)
"""Versions of Python with which the book is tested."""
MEMORY, DISK, FULL = 4.0, 3.0, 0.5  # GB; a recording's part file and its copies need the second
SECONDS = 1.5
"""How long to wait for another machine, or for the GPU's driver."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    subject : str
        Such as ``"memory"``.
    state : str
        ``"ok"``, ``"note"`` (the book works, but see what is said) or ``"missing"``.
    said : str
        What was found and, unless all is well, what to do.
    """

    subject: str
    state: str
    said: str


def look_around(folder: Path | None, host: str) -> list[Finding]:
    """Everything that the book needs of a machine.

    Parameters
    ----------
    folder : Path or None
        Where recordings are kept; None if that cannot be told, for lack of a package.
    host : str
        Where they come from.

    Returns
    -------
    list of Finding
    """
    needs = importlib.metadata.requires("pupil-helpers") or []
    return [
        python(sys.version_info[:3]),
        *packages([need for need in needs if "extra ==" not in need]),
        gpu(),
        memory(),
        *([disk(folder), data_folder(folder)] if folder else []),
        network(host),
    ]


def report(findings: list[Finding]) -> int:
    """Print what was found, a line each; 1 if something is missing, else 0."""
    for finding in findings:
        print(f"{finding.state:8} {finding.subject:12} {finding.said}")
    missing = [finding.subject for finding in findings if finding.state == "missing"]
    print(f"\nTo mend: {', '.join(missing)}." if missing else "\nReady for the book.")
    return int(bool(missing))


def python(version: tuple[int, ...]) -> Finding:
    """Whether the book is known to run with this Python."""
    text = ".".join(map(str, version))
    if version[:2] < OLDEST:
        return Finding("Python", "missing", f"{text} is too old: install Python 3.11, 3.12 or 3.13")
    if version[:2] > NEWEST:
        return Finding(
            "Python", "note", f"{text} is newer than what the book is tested with (3.13)"
        )
    return Finding("Python", "ok", text)


def packages(needs: list[str]) -> list[Finding]:
    """Whether the packages are there, each in a version that will do; one finding if all are."""
    found, wrong = [], []
    for need in needs:
        name, oldest = re.match(r"([\w.-]+)[^>]*(?:>=([\d.]+))?", need).groups()
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            said = f'not installed: pip install "{name}{f">={oldest}" if oldest else ""}"'
            wrong.append(Finding(name, "missing", said))
            continue
        if oldest and _numbers(version) < _numbers(oldest):
            said = f'{version} is too old: pip install -U "{name}>={oldest}"'
            wrong.append(Finding(name, "missing", said))
        found.append(f"{name} {version}")
    return [*wrong, Finding("packages", "ok", ", ".join(found))]


def gpu() -> Finding:
    """Whether there is an NVIDIA GPU; the driver is asked, since importing torch takes seconds."""
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        names = done.stdout.strip().splitlines() if done.returncode == 0 else []
    except (OSError, subprocess.TimeoutExpired):
        names = []
    if names:
        return Finding("GPU", "ok", "; ".join(names))
    return Finding(
        "GPU",
        "note",
        "none found. Every chapter runs without; in Colab, Runtime > Change runtime type > GPU",
    )


def memory() -> Finding:
    """How much main memory the machine has."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):
        return Finding("memory", "note", f"could not be measured; {MEMORY:.0f} GB are enough")
    if size < MEMORY:
        said = f"{size:.1f} GB, {MEMORY:.0f} are wanted: close other programs, or use Colab"
        return Finding("memory", "note", said)
    return Finding("memory", "ok", f"{size:.1f} GB")


def disk(folder: Path) -> Finding:
    """How much room there is where recordings are kept."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free / 1e9
    said = f"{free:.1f} GB free"
    if free < FULL:
        return Finding("disk", "missing", f"{said}: make room, {FULL} GB at least")
    if free < DISK:
        return Finding("disk", "note", f"{said}: too little for the real recordings, {DISK:.0f} GB")
    return Finding("disk", "ok", said)


def data_folder(folder: Path) -> Finding:
    """Whether recordings can be kept where they belong."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        said = (
            f"{folder} cannot be written ({error.strerror}): choose another, by PUPIL_HELPERS_DATA"
        )
        return Finding("data folder", "missing", said)
    return Finding("data folder", "ok", str(folder))


def network(host: str) -> Finding:
    """Whether the machine that has the recordings can be reached."""
    try:
        with socket.create_connection((host, 443), timeout=SECONDS):
            return Finding("network", "ok", f"{host} answers")
    except OSError:
        said = f"{host} does not answer. The simulated mouse needs no network; recordings do, once"
        return Finding("network", "note", said)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version.split("+")[0])[:3]]
