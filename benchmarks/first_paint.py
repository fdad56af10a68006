"""Seconds until each page of the built book is first painted, on a processor slowed four times.

Served from this machine, at 1280 pixels, with an empty cache; measured by Chromium itself.
"""

from __future__ import annotations

import shutil
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HTML = Path(__file__).parents[1] / "_build" / "html"
SLOWER = 4
LIMIT = 1.5  # seconds
WEIGHT = (
    "performance.getEntriesByType('resource').reduce((sum, each) => sum + each.transferSize, 0)"
)
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def visit(browser, address: str) -> tuple[float, float]:
    """Seconds to the first paint of a page, and the MB that it fetches besides itself."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(address, wait_until="load")
    page.wait_for_function(f"{PAINT} !== undefined")
    seconds, weight = page.evaluate(PAINT) / 1000, page.evaluate(WEIGHT) / 1e6
    context.close()
    return seconds, weight


def main(folder: Path = HTML) -> None:
    browser_path = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if browser_path is None or not (folder / "index.html").exists():
        print("this needs Chromium on the path and a built book (`make book`)")
        return
    from playwright.sync_api import sync_playwright

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"]
        )
        for path in sorted(folder.glob("book/*.html")):
            address = f"http://127.0.0.1:{server.server_port}/book/{path.name}"
            seconds, weight = visit(browser, address)
            weight += path.stat().st_size / 1e6
            note = "  over the limit" if seconds > LIMIT else ""
            print(f"{path.stem:20} {seconds:5.2f} s {weight:6.2f} MB{note}")
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
