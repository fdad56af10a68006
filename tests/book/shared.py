"""What several tests of the book need."""

from chapters import ROOT, chapter_names

HTML = ROOT / "_build" / "html"
CHAPTERS = chapter_names()


def setup_cell(notebook) -> str:
    """The source of the one cell that installs what Colab lacks."""
    (cell,) = [cell for cell in notebook.cells if "setup" in cell.metadata.get("tags", [])]
    return cell.source
