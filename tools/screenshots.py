"""Photograph pages of the built book at laptop and phone width, in light and dark.

    python tools/screenshots.py [--out FOLDER] [page ...]      e.g. book/index book/01_eda

Needs Chromium (or Chrome) on the path. Prints a line for every page that is wider than its
window, since that is what makes a page unpleasant on a phone; exits 1 if there is one.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
WIDTHS = (1280, 390)
SETTLED = 700  # milliseconds until the scripts of a page have run
EXCESS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def photograph(browser, address: str, width: int, height: int, theme: str, picture: Path) -> int:
    """Save what a window of this size shows; by how many pixels the page is too wide for it."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, device_scale_factor=1
    )
    page = context.new_page()
    page.goto(address, wait_until="load")
    page.wait_for_timeout(SETTLED)
    page.screenshot(path=picture)
    excess = page.evaluate(EXCESS)
    context.close()
    return excess


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help="pages without .html; all of them by default")
    parser.add_argument("--book", type=Path, default=HTML, help="the built book")
    parser.add_argument("--out", type=Path, default=ROOT / "_build" / "screenshots")
    parser.add_argument("--height", type=int, default=2000, help="height of the pictures in pixels")
    options = parser.parse_args()
    path = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
    if path is None or not options.book.exists():
        sys.exit("this needs Chromium on the path and a built book (`make book`)")
    pages = options.pages or [
        f"book/{page.stem}" for page in sorted(options.book.glob("book/*.html"))
    ]
    options.out.mkdir(parents=True, exist_ok=True)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(options.book)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    too_wide = False
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        )
        for page in pages:
            address = f"http://127.0.0.1:{server.server_port}/{page}.html"
            for width in WIDTHS:
                for theme in ("light", "dark"):
                    picture = options.out / f"{page.replace('/', '_')}_{width}_{theme}.png"
                    excess = photograph(browser, address, width, options.height, theme, picture)
                if excess > 0:
                    too_wide = True
                    print(f"{page} at {width} px: {excess} px too wide")
        browser.close()
    server.shutdown()
    print(f"pictures are in {options.out}")
    return int(too_wide)


if __name__ == "__main__":
    sys.exit(main())
