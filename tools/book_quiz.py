"""Sphinx extension: a chapter's quiz as radio buttons on its page.

The source is plain Markdown that reads well in notebooks; ``lessons.py`` reads it. The page gets a
``<fieldset>`` for each question. Without script the answers stand below it, folded.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

import nbformat
from lessons import Question, questions
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

FIELDSET = """\
<fieldset class="quiz">
<legend><span class="visually-hidden">Question {number}. </span>{text}</legend>
{choices}
<button type="button" hidden>Check my answer</button>
<div class="said" role="status"></div>
<details>
<summary>Answers to question {number}</summary>
<ul>
{reasons}
</ul>
</details>
</fieldset>"""
CHOICE = """\
<div class="choice">\
<input type="radio" name="{name}" id="{name}{letter}" data-why="{name}{letter}-why">\
<label for="{name}{letter}">{text}</label></div>"""
REASON = '<li><strong>{text}</strong> <span id="{name}{letter}-why">{why}</span></li>'


def fieldset(question: Question) -> str:
    """The HTML of one question, without an empty line: Markdown leaves it as it is."""
    name = f"question{question.number}"
    choices, reasons = [], []
    for choice in question.choices:
        parts = {"name": name, "letter": choice.letter, "text": inline(choice.text)}
        choices.append(CHOICE.format(**parts))
        reasons.append(REASON.format(**parts, why=inline(choice.why)))
    return FIELDSET.format(
        number=question.number,
        text=inline(question.text),
        choices="\n".join(choices),
        reasons="\n".join(reasons),
    )


def inline(markdown: str) -> str:
    """One line of Markdown as HTML, formulas as MathJax finds them on the book's pages."""
    reader = MarkdownIt("commonmark").use(
        dollarmath_plugin,
        renderer=lambda formula, options: html.escape(formula),
        label_renderer=None,
    )
    reader.add_render_rule("math_inline", _formula)
    return reader.renderInline(markdown)


def with_fieldsets(text: str, chapter: str) -> str:
    """The notebook of a chapter, as text, with its quiz turned into HTML."""
    notebook = nbformat.reads(text, as_version=4)
    for cell in notebook.cells:
        if "quiz" in cell.metadata.get("tags", []):
            title = re.match(r"## .+", cell.source)
            parts = [fieldset(question) for question in questions(chapter, [cell])]
            cell.source = "\n\n".join(([title[0]] if title else []) + parts)
    return nbformat.writes(notebook)


def on_source_read(app, docname: str, source: list[str]) -> None:
    path = Path(app.env.doc2path(docname))
    if path.suffix == ".ipynb":
        source[0] = with_fieldsets(source[0], path.stem)


def setup(app) -> dict:
    app.connect("source-read", on_source_read)
    app.add_css_file("quiz.css")
    app.add_js_file("quiz.js")
    return {"version": "1", "parallel_read_safe": True}


def _formula(self, tokens, idx, options, env) -> str:
    formula = html.escape(tokens[idx].content)
    return f'<span class="math notranslate nohighlight">\\({formula}\\)</span>'
