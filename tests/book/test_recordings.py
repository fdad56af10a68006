"""Every chapter runs to its end on other recordings than the home mouse.

``make test-recordings`` runs all of them; without it only the most awkward one is tried. Pages
after the chapters read no recording.
"""

import pytest
from build_book import execute
from chapters import lesson_names, read_script, script_path
from recordings import RECORDINGS, write_recording

READ = "__import__('pupil_helpers').read_steinmetz({path!r}, 0)"
AS_THREE = (
    "[__import__('dataclasses').replace({read}, name=f'mouse {{i}}', provenance=dict())"
    " for i in range(3)]"
)
LINES = {'load_session("simulated")': READ, "dict(mouse(seed) for seed in range(12))": AS_THREE}
"""What chapters tell readers to change, and to what."""
MOST_AWKWARD = "awkward"


def on_recording(chapter: str, path):
    """The chapter as a notebook that reads another recording, as its first cell tells how."""
    notebook = read_script(script_path(chapter).read_text("utf-8"))
    found = [
        (cell, line)
        for cell in notebook.cells
        for line in LINES
        if cell.cell_type == "code" and line in cell.source
    ]
    ((cell, line),) = found
    assert cell.source.count(line) == 1
    read = READ.format(path=str(path))
    cell.source = cell.source.replace(line, LINES[line].format(path=str(path), read=read))
    return notebook


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("recordings")


@pytest.mark.parametrize("chapter", lesson_names())
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
