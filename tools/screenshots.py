"""Photograph pages of the built book at laptop and phone width, in light and dark.

    python tools/screenshots.py [--out FOLDER] [page ...]      e.g. book/index book/01_eda

Needs Chromium (or Chrome) on the path. Prints a line for every page that is wider than its
window, since that is what makes a page unpleasant on a phone; exits 1 if there is one.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
WIDTHS = (1280, 390)
FRAME = "_frame.html"  # a page of our own that shows another one in a frame of the right width

FRAME_PAGE = """<!doctype html><body style="margin:0"><script>
const ask = new URLSearchParams(location.search);
localStorage.mode = localStorage.theme = ask.get("theme");
const frame = document.createElement("iframe");
frame.style = `border:0;width:${ask.get("width")}px;height:${ask.get("height")}px`;
frame.src = "/" + ask.get("page") + ".html";
frame.onload = () => setTimeout(() => {
  const page = frame.contentDocument.documentElement;
  document.body.dataset.excess = page.scrollWidth - page.clientWidth;
}, 2500);
document.body.append(frame);
</script></body>"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        if not self.path.startswith(f"/{FRAME}"):
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(FRAME_PAGE.encode())


def browse(browser: str, address: str, height: int, *options: str) -> str:
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--hide-scrollbars", "--virtual-time-budget=8000",
            f"--user-data-dir={profile}", f"--window-size=1280,{height}", *options, address,
        ]  # fmt: skip
        return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help="pages without .html; all of them by default")
    parser.add_argument("--out", type=Path, default=ROOT / "_build" / "screenshots")
    parser.add_argument("--height", type=int, default=2000, help="height of the pictures in pixels")
    options = parser.parse_args()
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
    if browser is None or not HTML.exists():
        sys.exit("this needs Chromium on the path and a built book (`make book`)")
    pages = options.pages or [f"book/{path.stem}" for path in sorted(HTML.glob("book/*.html"))]
    options.out.mkdir(parents=True, exist_ok=True)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(HTML)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    too_wide = False
    for page in pages:
        for width in WIDTHS:
            for theme in ("light", "dark"):
                address = (
                    f"http://127.0.0.1:{server.server_port}/{FRAME}?page={page}&theme={theme}"
                    f"&width={width}&height={options.height}"
                )
                picture = options.out / f"{page.replace('/', '_')}_{width}_{theme}.png"
                browse(browser, address, options.height, f"--screenshot={picture}")
            found = re.search(
                r'data-excess="(-?\d+)"', browse(browser, address, options.height, "--dump-dom")
            )
            if found is None or int(found[1]) > 0:
                too_wide = True
                print(f"{page} at {width} px: {found[1] if found else '?'} px too wide")
    server.shutdown()
    print(f"pictures are in {options.out}")
    return int(too_wide)


if __name__ == "__main__":
    sys.exit(main())
