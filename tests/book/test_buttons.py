"""Launch, edit and issue buttons: each leads to a file that is in git, the same from everywhere."""

import re
from urllib.parse import parse_qs, unquote, urlsplit

import book_buttons
import nbformat
import pytest
import yaml
from chapters import ROOT
from shared import CHAPTERS, HTML, is_page, listed_files

HOSTS = ("colab.research.google.com", "kaggle.com", "mybinder.org")
REPOSITORY = book_buttons.repository()
PAGES = [f"book/{name}" for name in CHAPTERS]
FORMS = ROOT / ".github" / "ISSUE_TEMPLATE"
README = (ROOT / "README.md").read_text("utf-8")


def target(address: str) -> str:
    """The file of this repository that an address opens: read as each service reads it."""
    parts = urlsplit(address)
    if parts.netloc == "kaggle.com":
        (address,) = parse_qs(parts.query)["src"]
        parts = urlsplit(address)
    if parts.netloc == "mybinder.org":
        (path,) = parse_qs(parts.query)["urlpath"]
        assert parts.path == f"/v2/gh/{REPOSITORY}/{book_buttons.BRANCH}"
        return path.removeprefix("lab/tree/")
    found = re.fullmatch(
        r"(/github)?/([\w.-]+/[\w.-]+)/(?:blob|edit)/(\w+)/(.+)", unquote(parts.path)
    )
    assert found, address
    assert (parts.netloc == "colab.research.google.com") == bool(found[1])
    assert found[2] == REPOSITORY
    assert found[3] == book_buttons.BRANCH
    return found[4]


def launch_addresses(text: str) -> list[str]:
    return re.findall(rf"https://(?:{'|'.join(map(re.escape, HOSTS))})/[^\s)\"'<]+", text)


@pytest.mark.parametrize("page", PAGES)
def test_each_launch_address_leads_to_a_notebook_in_git(page):
    launches = book_buttons.launches(page)
    assert {service for service, _, _ in launches} == {"Colab", "Kaggle", "Binder"}
    for _, _, address in launches:
        path = target(address)
        assert path in listed_files(), f"{address} opens a file that is not in git"
        nbformat.validate(nbformat.read(ROOT / path, as_version=4))


@pytest.mark.parametrize("page", PAGES)
def test_the_first_button_opens_the_students_notebook(page):
    paths = [
        target(address) for service, _, address in book_buttons.launches(page) if service == "Colab"
    ]
    name = page.removeprefix("book/")
    full = f"book/{name}.ipynb"
    assert paths == ([full] if is_page(name) else [f"book/student/{name}.ipynb", full])


def test_without_a_students_notebook_the_full_one_is_opened(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "01_a.ipynb").touch()
    (tmp_path / "_config.yml").write_text("  url: https://github.com/someone/fork\n")
    ((_, text, colab), *others) = book_buttons.launches("book/01_a", tmp_path)
    assert (text, len(others)) == ("Colab", 2)
    assert colab.endswith("/someone/fork/blob/main/book/01_a.ipynb")
    assert book_buttons.opened(tmp_path) == ["book/01_a.ipynb"]


@pytest.mark.book
def test_the_pages_have_these_buttons_and_no_others(pages):
    for path, tree in pages.items():
        page = path.relative_to(HTML).with_suffix("").as_posix()
        links = [link["href"] for link in tree.select(".article-header-buttons a")]
        found = {address for address in links if address.startswith("https:")}
        expected = {
            button["url"]
            for group in book_buttons.button_groups(page)
            for button in group["buttons"]
        }
        if found or page in PAGES:
            assert found == expected, page


def test_the_readme_opens_the_same_notebooks():
    addresses = launch_addresses(README)
    assert sorted(target(address) for address in addresses) == sorted(book_buttons.opened())


def test_the_branch_is_the_one_of_the_configuration():
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    assert config["repository"]["branch"] == book_buttons.BRANCH
    assert not config["repository"]["path_to_book"]  # pages are named from the top


@pytest.mark.parametrize("page", [*PAGES, "book/index", "book/glossary", "book/bibliography"])
def test_edit_opens_the_file_that_is_written_by_hand(page):
    file = book_buttons.source(page)
    assert target(book_buttons.edit_address(file)) == file
    assert file in listed_files()
    assert not file.endswith(".ipynb")


def test_a_page_made_from_docstrings_has_no_edit_button():
    assert book_buttons.source("book/api") is None
    (source,) = book_buttons.button_groups("book/api")
    assert [button["text"] for button in source["buttons"]] == ["Repository", "Report a problem"]


def test_an_issue_says_which_page_it_is_about():
    query = parse_qs(urlsplit(book_buttons.issue_address("book/01_eda")).query)
    assert query["page"] == ["book/01_eda.py"]
    (form,) = query["template"]
    fields = yaml.safe_load((FORMS / form).read_text("utf-8"))["body"]
    assert "page" in {field.get("id") for field in fields}


@pytest.mark.parametrize("path", sorted(FORMS.glob("*.yml")), ids=lambda path: path.stem)
def test_issue_forms_are_what_github_takes(path):
    form = yaml.safe_load(path.read_text("utf-8"))
    assert form["name"]
    assert form["description"]
    ids = [field["id"] for field in form["body"]]
    assert len(ids) == len(set(ids))
    for field in form["body"]:
        assert field["type"] in {"input", "textarea", "dropdown"}
        assert field["attributes"]["label"]


def test_binder_installs_from_the_repository_as_it_is():
    script = ROOT / "binder" / "postBuild"
    assert script.stat().st_mode & 0o100, "Binder runs it only if it may be executed"
    assert script.read_text("utf-8").startswith("#!/usr/bin/env bash\n")
    version = (ROOT / "binder" / "runtime.txt").read_text("utf-8").strip()
    assert version in {"python-3.11", "python-3.12", "python-3.13"}
    for name in re.findall(r"[\w/]+\.txt", script.read_text("utf-8")):
        assert name in listed_files()


# -- the checks above can fail ----------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        f"https://colab.research.google.com/{REPOSITORY}/blob/main/book/01_eda.ipynb",
        f"https://colab.research.google.com/github/{REPOSITORY}/blob/master/book/01_eda.ipynb",
        "https://kaggle.com/kernels/welcome?src=https://github.com/a/b/blob/main/book/01_eda.ipynb",
        f"https://mybinder.org/v2/gh/{REPOSITORY}/master?urlpath=lab/tree/book/01_eda.ipynb",
    ],
)
def test_a_wrong_address_is_noticed(wrong):
    with pytest.raises(AssertionError):
        target(wrong)
