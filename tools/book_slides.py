"""Sphinx extension: slides of every chapter, from its own figures and questions.

They come out as ``slides/NN_name.html`` beside ``book/``, shown by the copy of reveal.js in
``book/_static/reveal`` (MIT; see the licence there), and are linked from the chapter's page.
"""

from __future__ import annotations

import base64
import html
import json
import re
from pathlib import Path

import nbformat
from book_quiz import inline
from chapters import lesson_names, read_source, script_path, tags
from jupyter_cache import get_cache
from lessons import DETAILS, PREDICT, TITLE, TRY, Question, questions

MOST_FIGURES, MOST_SLIDES = 12, 20
CAPTION = range(25, 151)  # letters; shorter ones, such as "Neither.", say nothing by themselves
NO_CAPTION = ("#", "**", "- ", "|", "<", "Here ")  # a paragraph that is about what follows it
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: slides</title>
<link rel="icon" href="../_static/favicon.svg">
<link rel="stylesheet" href="../_static/reveal/reset.css">
<link rel="stylesheet" href="../_static/reveal/reveal.css">
<link rel="stylesheet" href="../_static/slides.css">
</head>
<body>
<div class="reveal"><div class="slides">
{slides}
</div></div>
<script src="../_static/reveal/reveal.js"></script>
<script src="../_static/reveal/notes.js"></script>
<script src="../_static/slides.js"></script>
{formulas}</body>
</html>
"""
FORMULAS = """\
<script>window.MathJax = {settings}</script>
<script defer src="../_static/{path}"></script>
"""
PICTURE = """\
<picture>
<source media="screen and (prefers-color-scheme: dark)" srcset="{dark}">
<img src="{light}" alt="{alt}">
</picture>"""
LINK = """

<p class="slides-link"><a href="../slides/{chapter}.html">Slides of this chapter</a></p>"""
TWINS = re.compile(
    r'<img class="only-light[^"]*"\s+(?:alt="([^"]*)")?[^>]*?'
    r'src="data:image/([\w+]+);base64,([^"]+)"[^>]*>\s*'
    r'<img class="only-dark[^>]*?src="data:image/[\w+]+;base64,([^"]+)"'
)
ENDING = {"svg+xml": "svg"}


def slides(chapter: str, cells: list, pictures: dict[int, tuple[str, str, str]]) -> list[str]:
    """The slides of a chapter as HTML, in order.

    Parameters
    ----------
    chapter : str
        Such as ``"01_eda"``.
    cells : list
        The cells of its source, those for the teacher included: they become speaker's notes.
    pictures : dict of int to tuple of str
        Where the picture of a cell lies, for light and for dark slides, and what it shows in
        words, by the cell's number.
    """
    chosen = [k for k in pictures if "slide" in tags(cells[k])] or list(pictures)[:MOST_FIGURES]
    made, heading = [_title(cells[0].source), _goals(cells[0].source)], ""
    for k, cell in enumerate(cells):
        if k in chosen:
            below = [c for c in cells[k + 1 :] if c.cell_type == "markdown"]
            after = next((c.source for c in below if "teacher" not in tags(c)), "")
            made.append(_figure(heading, *pictures[k], after))
        if cell.cell_type != "markdown":
            continue
        if "teacher" in tags(cell):
            made[-1] = made[-1].replace("</section>", f"{_notes(cell.source)}</section>")
        elif TRY.match(cell.source):
            asked = DETAILS.sub("", TRY.sub("", cell.source))
            made.append(
                _section("Your turn: two minutes", f'<p class="big">{inline(_line(asked))}</p>')
            )
        elif not TITLE.search(cell.source) and "quiz" not in tags(cell):
            for part in re.split(r"\n\n+", cell.source):
                if title := re.match(r"##+ (.+)", part):
                    heading = title[1]
                if asked := PREDICT.match(part):
                    text = inline(_line(asked[1]))
                    made.append(_section("Predict first", f'<p class="big">{text}</p>'))
    made += [_question(question) for question in questions(chapter, cells)[:1]]
    made += [_recap(cell.source) for cell in cells if cell.source.startswith("## Recap")]
    return made


def pictures_of(executed: nbformat.NotebookNode) -> dict[int, tuple[str, bytes, bytes, str]]:
    """The first picture that each code cell shows: format, light and dark bytes, and alt text."""
    found = {}
    for k, cell in enumerate(executed.cells):
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        for output in cell.get("outputs", []):
            if match := TWINS.search(output.get("data", {}).get("text/html", "")):
                own, kind, *twins = match.groups()
                light, dark = map(base64.b64decode, twins)
                found[k] = ENDING.get(kind, kind), light, dark, html.unescape(own or alt)
                break
    return found


def write(chapter: str, executed: nbformat.NotebookNode, folder: Path, formulas: str) -> Path:
    """Write the slides of a chapter that was run, and its pictures, into a folder.

    ``formulas`` are the scripts that typeset them, for slides that have any.
    """
    cells = read_source(script_path(chapter).read_text("utf-8")).cells
    code = [k for k, cell in enumerate(cells) if cell.cell_type == "code"]
    shown = [c for c in executed.cells if c.cell_type == "code"]
    only_code = nbformat.v4.new_notebook(cells=shown)
    (folder / chapter).mkdir(parents=True, exist_ok=True)
    pictures = {}
    for number, (ending, light, dark, alt) in pictures_of(only_code).items():
        names = f"{chapter}/{number}.{ending}", f"{chapter}/{number}-dark.{ending}"
        for name, content in zip(names, (light, dark), strict=True):
            (folder / name).write_bytes(content)
        pictures[code[number]] = *names, alt
    made = slides(chapter, cells, pictures)
    if len(made) > MOST_SLIDES:
        raise ValueError(
            f"{chapter} has {len(made)} slides: tag the figures that matter 'slide', so that there "
            f"are at most {MOST_SLIDES}"
        )
    title = re.sub(r"<[^>]+>", "", inline(cells[0].source.splitlines()[0].removeprefix("# ")))
    path = folder / f"{chapter}.html"
    body = "\n".join(made)
    scripts = formulas if 'class="math' in body else ""
    path.write_text(PAGE.format(title=title, slides=body, formulas=scripts), "utf-8")
    return path


def on_source_read(app, docname: str, source: list[str]) -> None:
    """Link the slides from the first cell of the chapter's page."""
    chapter = Path(docname).name
    if app.builder.format == "html" and chapter in lesson_names():
        notebook = nbformat.reads(source[0], as_version=4)
        notebook.cells[0].source += LINK.format(chapter=chapter)
        source[0] = nbformat.writes(notebook)


def on_finished(app, exception) -> None:
    """Write the slides of all chapters that the build has run."""
    if exception is not None or app.builder.format != "html":
        return
    cache = get_cache(
        app.config.nb_execution_cache_path or str(Path(app.outdir, "../.jupyter_cache"))
    )
    formulas = FORMULAS.format(
        settings=json.dumps(app.config.mathjax3_config), path=app.config.mathjax_path
    )
    for chapter in lesson_names():
        path = Path(app.env.doc2path(f"book/{chapter}"))
        if not path.exists():
            continue
        try:
            found = cache.match_cache_notebook(nbformat.read(path, as_version=4))
        except KeyError:
            continue  # this build did not run it
        executed = cache.get_cache_bundle(found.pk).nb
        write(chapter, executed, Path(app.outdir) / "slides", formulas)


def setup(app) -> dict:
    app.connect("source-read", on_source_read)
    app.connect("build-finished", on_finished)
    return {"version": "1", "parallel_read_safe": True}


def _section(title: str, body: str) -> str:
    return f"<section>\n<h2>{inline(title)}</h2>\n{body}\n</section>"


def _title(source: str) -> str:
    title, rest = source.split("\n", 1)
    question = re.search(r"^\*(.+)\*$", rest, re.M)
    below = f"<p>{inline(question[1])}</p>" if question else ""
    return (
        f'<section class="title">\n<h1>{inline(title.removeprefix("# "))}</h1>\n{below}\n</section>'
    )


def _goals(source: str) -> str:
    goals = source.split("**Goals.**")[-1].split("**Time.**")[0]
    return _section("By the end you can", _list(goals))


def _recap(source: str) -> str:
    return _section("Recap", _list(source))


def _list(text: str) -> str:
    points = re.findall(r"^- (?!Next:)(.+(?:\n  .+)*)", text, re.M)
    kind = ' class="long"' if len(points) > 5 else ""
    return f"<ul{kind}>" + "".join(f"<li>{inline(_line(point))}</li>" for point in points) + "</ul>"


def _figure(heading: str, light: str, dark: str, alt: str, after: str) -> str:
    paragraph, *rest = re.split(r"\n\n+", after)
    paragraph = "" if paragraph.startswith(NO_CAPTION) else _line(paragraph)
    first = re.match(r".+?[.?!:](?= |$)", paragraph)
    leads_on = first and (first[0].endswith(":") or (rest and rest[0].startswith("- ")))
    short = first and len(first[0]) in CAPTION and not leads_on
    caption = f'<p class="caption">{inline(first[0])}</p>' if short else ""
    picture = PICTURE.format(light=light, dark=dark, alt=html.escape(alt, quote=True))
    return _section(heading, f"{picture}\n{caption}\n{_notes(paragraph) if paragraph else ''}")


def _question(question: Question) -> str:
    items = "".join(f"<li>{inline(choice.text)}</li>" for choice in question.choices)
    right = next(choice for choice in question.choices if choice.is_right)
    told = f'<p class="fragment">{right.letter}. {inline(right.why)}</p>'
    asked = f"<p>{inline(question.text)}</p>"
    return _section("A question", f'{asked}\n<ol type="A">{items}</ol>\n{told}')


def _notes(text: str) -> str:
    text = re.sub(r"^> ?", "", text, flags=re.M)
    paragraphs = "".join(f"<p>{inline(_line(part))}</p>" for part in re.split(r"\n\s*\n", text))
    return f'<aside class="notes">{paragraphs}</aside>'


def _line(text: str) -> str:
    return " ".join(text.split())
