"""One repository address, the same wherever it is written, and one command to change it."""

import re
import shutil

import pytest
import set_repository
from chapters import ROOT
from shared import CHAPTERS

OURS = set_repository.current().removeprefix("https://github.com/")
LINK = re.compile(
    r"(?:github\.com|colab\.research\.google\.com/github)/([\w.-]+/[\w-]+)|([\w-]+)\.github\.io/([\w-]+)"
)


def addresses(path) -> set[str]:
    """Every owner/name that a file links to, from GitHub, Colab or published pages."""
    found = LINK.findall(path.read_text("utf-8"))
    return {repository or f"{owner}/{name}" for repository, owner, name in found}


def test_every_file_gives_the_same_address():
    parts = set(OURS.lower().split("/"))
    for path in set_repository.files():
        for address in addresses(path) - {OURS}:  # links to other projects are welcome
            assert parts.isdisjoint(address.lower().split("/")), f"{path.name} names {address}"
    chapters = [f"book/{name}.{form}" for name in CHAPTERS for form in ("py", "ipynb")]
    for name in ("README.md", "CITATION.cff", "pyproject.toml", "_config.yml", *chapters):
        assert OURS in addresses(ROOT / name), f"{name} does not give the address"


@pytest.mark.parametrize("ending", ["", "/", ".git", ".git/"])
def test_one_command_moves_everything(ending, tmp_path):
    for path in set_repository.files():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(path, copy)
    changed = set_repository.change(f"https://github.com/someone/my-fork{ending}", tmp_path)
    assert {"_config.yml", "README.md", "book/01_eda.py", "book/01_eda.ipynb"} <= set(changed)
    assert set_repository.current(tmp_path) == "https://github.com/someone/my-fork"
    for path in set_repository.files(tmp_path):
        assert OURS not in addresses(path), path.name
        assert "my-fork.git" not in path.read_text("utf-8"), path.name


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "someone/my-fork",
        "git@github.com:someone/my-fork.git",
        "https://example.org/a/b",
        "https://github.com/someone",
        "https://github.com/someone/.git",
        "https://github.com/someone/..",
        "https://github.com/someone/my-fork/tree/main",
        "https://github.com/someone/my fork",
    ],
)
def test_a_wrong_address_changes_nothing(wrong, tmp_path):
    shutil.copy(ROOT / "_config.yml", tmp_path)
    with pytest.raises(SystemExit, match="is not an address"):
        set_repository.change(wrong, tmp_path)
    assert set_repository.current(tmp_path) == set_repository.current()
