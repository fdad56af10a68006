"""The weekly check of links that lead outside."""

import pytest
from book_links import where_to_ask


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("https://doi.org/10.1038/x-1", "https://doi.org/api/handles/10.1038/x-1"),
        ("https://doi.org/api/handles/10.1038/x-1", None),
        ("https://example.org/doi.org/", None),
    ],
)
def test_a_doi_is_asked_of_the_register(address, asked):
    assert where_to_ask(None, address) == asked
