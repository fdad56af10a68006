"""One repository address, the same wherever it is written, and one command to change it."""

import re
import shutil

import pytest
import set_repository
import yaml
from chapters import ROOT
from shared import CHAPTERS

LINK = re.compile(
    r"(?:github\.com|colab\.research\.google\.com/github)/([\w.-]+/[\w-]+)|([\w-]+)\.github\.io/([\w-]+)"
)


def addresses(path) -> set[str]:
    """Every owner/name that a file links to, from GitHub, Colab or published pages."""
    found = LINK.findall(path.read_text("utf-8"))
    return {repository or f"{owner}/{name}" for repository, owner, name in found}


def test_config_gives_the_launch_buttons_what_they_need():
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    assert set_repository.ADDRESS.fullmatch(config["repository"]["url"])
    assert config["repository"]["branch"] == "main"
    assert config["repository"]["path_to_book"] == ""
    assert config["launch_buttons"]["colab_url"] == "https://colab.research.google.com"
    assert config["sphinx"]["recursive_update"] is True


def ours(root=ROOT) -> str:
    return set_repository.current(root).removeprefix("https://github.com/")


def test_every_file_gives_the_same_address():
    for path in set_repository.files():
        owner, name = ours().lower().split("/")
        for address in addresses(path) - {ours()}:  # links to other projects are welcome
            other_owner, other_name = address.lower().split("/")
            assert owner != other_owner, f"{path.name} names {address}"
            assert name != other_name, f"{path.name} names {address}"
    chapters = [f"book/{name}.{form}" for name in CHAPTERS for form in ("py", "ipynb")]
    for name in ("README.md", "CITATION.cff", "pyproject.toml", "_config.yml", *chapters):
        assert ours() in addresses(ROOT / name), f"{name} does not give the address"


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
        assert ours() not in addresses(path), path.name
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
