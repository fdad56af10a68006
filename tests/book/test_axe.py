"""Every page of the built book is free of accessibility faults that axe-core can find."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from shared import BUILT

WIDTHS = 1280, 390
SETTLED = 1000  # milliseconds until the theme's scripts have changed what they change
PLAIN = "* { background-image: none !important }"  # axe judges no contrast over a gradient


def violations(page) -> list[str]:
    """Impact, rule and place of each fault that axe finds in a page."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{each['impact']} {each['id']}: {node['target'][0]}"
        for each in found
        for node in each["nodes"]
    ]


@pytest.mark.book
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", BUILT)
def test_page_has_no_violation(name, scheme, visit, site):
    page = visit(f"{site}/{name}", WIDTHS[0], scheme)
    page.add_style_tag(content=PLAIN)
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(SETTLED)
        found |= {f"{width} px, {fault}": None for fault in violations(page)}
    assert not found, "\n".join(found)


def test_faults_are_noticed(browser):
    page = browser.new_page()
    page.set_content('<html lang="en"><title>A page</title><main><img src="data:,"></main></html>')
    assert any("image-alt" in fault for fault in violations(page))
    page.close()
