"""The page of a study says what the study found, needs nothing else, and is safe to open."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from pupil_helpers.evaluation.entrants import MODELS
from pupil_helpers.evaluation.study import study
from pupil_helpers.models.linear import PSTH
from pupil_helpers.recordings.simulate import simulate_session
from pupil_helpers.reports.study_report import study_report

NAMES = ["Cori 2016-12-14", "Cori 2016-12-17", "Hench <script>alert(1)</script>"]


def mouse(name, seed):
    session = simulate_session(seed, n_trials=40, n_bins=40, blink_rate=0)
    session.name = name
    return session


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    sessions = [(mouse, {"name": name, "seed": seed}) for seed, name in enumerate(NAMES)]
    return study(
        [*sessions, folder / "gone <i>.npz"], {"PSTH": PSTH(), "ridge": MODELS["ridge"]()},
        folder=folder, null=2, null_model=MODELS["ridge"](), n_jobs=1, progress=False,
    )  # fmt: skip


class Page(HTMLParser):
    """Tags with their attributes, headings, and the cells of tables row by row."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.rows, self.words, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        self.words.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1].append(data)

    def attributes(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(found):
    return Page(study_report(found.folder).read_text("utf-8"))


def test_the_page_is_whole_in_itself(found, page):
    text = study_report(found).read_text("utf-8")
    assert text == study_report(found).read_text("utf-8")  # the same every time
    addresses = [
        value for _, attributes in page.tags for name, value in attributes.items()
        if name in ("src", "href", "srcset", "data", "action")
    ]  # fmt: skip
    assert len(addresses) == 2
    assert all(address.startswith("data:image/svg+xml;base64,") for address in addresses)
    assert not re.search(r"url\(|@import", text)
    assert "script" not in {tag for tag, _ in page.tags}  # names of sessions are words, not HTML
    assert "i" not in {tag for tag, _ in page.tags}
    assert any("Hench <script>" in word for word in page.words)


def test_headings_pictures_and_tables_can_be_read_aloud(page):
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels == [1, 2, 2, 2, 2, 2, 2]
    assert page.attributes("html") == [{"lang": "en"}]
    assert all(len(image["alt"]) > 40 for image in page.attributes("img"))
    assert len(page.attributes("caption")) == len(page.attributes("table"))
    assert all(cell.get("scope") == "col" for cell in page.attributes("th"))


def test_the_table_of_regions_shows_what_the_study_found(found, page):
    rows = {row[0]: row for row in page.rows if len(row) == 10}
    ridge = found.by_region().query("model == 'ridge'").set_index("region")
    p = found.p_values().set_index("region")
    assert set(rows) - {"region"} == set(ridge.index)
    for region, row in ridge.iterrows():
        cells = rows[region]
        assert cells[1:4] == ["2", "3", f"{row['neurons']:.0f}"]
        assert float(cells[5].replace("–", "nan")) == pytest.approx(row["r2"], abs=0.0051)
        numbers = [float(x) for x in re.findall(r"-?\d+\.\d+", cells[7])]
        expected = row[["psth_relative", "psth_relative_low", "psth_relative_high"]]
        np.testing.assert_allclose(numbers, expected.astype(float), atol=0.0051)
        assert float(cells[8]) == pytest.approx(p.loc[region, "p"], abs=0.00051)
        assert float(cells[9]) == pytest.approx(p.loc[region, "q"], abs=0.00051)


def test_failures_assumptions_and_versions_are_told(found, page):
    text = "".join(page.words)
    assert "Failures: 1, see below." in text
    assert "No such file" in text
    assert "exchangeable" in text
    table = found.table()
    for name in ("version", "code", "python", "numpy", "torch"):
        assert table[name].iloc[0] in text
    assert "3 sessions of 2 animals" in text


def test_the_model_shown_can_be_chosen(found):
    assert "Shown: PSTH." in study_report(found, "PSTH").read_text("utf-8")
    with pytest.raises(ValueError, match="no results of model 'GRU'; the study has PSTH, ridge"):
        study_report(found, "GRU")


def test_a_study_without_pairings_or_results_says_so(tmp_path):
    one = (mouse, {"name": "a", "seed": 1})
    settings = {"folder": tmp_path, "n_jobs": 1, "progress": False}
    with pytest.raises(ValueError, match=r"has no results yet; call study"):
        study_report(study([one], (), **settings))
    page = study_report(study([one], ["PSTH"], **settings)).read_text("utf-8")
    assert "No session permutation was made" in page
    assert "<p>None.</p>" in page
