"""Every chapter runs to its end on other recordings than the home mouse.

``make test-recordings`` runs all of them; without it only the most awkward one is tried. Pages
after the chapters read no recording.
"""

import pytest
from build_book import execute
from chapters import read_script, script_path
from recordings import RECORDINGS, write_recording
from shared import CHAPTERS, is_page

LINE = 'load_session("simulated")'
MOST_AWKWARD = "awkward"


def on_recording(chapter: str, path):
    """The chapter as a notebook that reads another recording, as its first cell tells how."""
    notebook = read_script(script_path(chapter).read_text("utf-8"))
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and LINE in cell.source]
    (cell,) = cells
    assert cell.source.count(LINE) == 1
    read = f"__import__('pupil_helpers').read_steinmetz({str(path)!r}, 0)"
    cell.source = cell.source.replace(LINE, read)
    return notebook


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("recordings")


@pytest.mark.parametrize("chapter", [name for name in CHAPTERS if not is_page(name)])
@pytest.mark.parametrize(
    "recording",
    [
        name if name == MOST_AWKWARD else pytest.param(name, marks=pytest.mark.recordings)
        for name in RECORDINGS
    ],
)
def test_chapter_runs_on_another_recording(chapter, recording, folder):
    notebook = on_recording(chapter, write_recording(recording, folder))
    _, result = execute(chapter, notebook)
    assert result.err is None, result.exc_string
