"""A server of our own for the tests of downloads, on this machine."""

import contextlib
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pupil_helpers.recordings import transfer


class Server(ThreadingHTTPServer):
    """Serves one file under every address, after a redirect, as OSF does."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = b""
        self.asked = []  # the Range header of each request for the file
        self.paths = []  # and its path
        self.break_after = None  # drop the connection after so many bytes
        self.status = None  # answer with this error
        self.ranges = True  # whether it can continue a download
        self.pause = 0.0  # seconds before it answers
        self.announce = True  # whether it says how long the file is
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_):
        pass  # a dropped connection is no news here


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        if self.path.endswith("/download"):
            self.send_response(302)
            self.send_header("Location", "/files/a")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        asked = self.headers.get("Range")
        server.asked.append(asked)
        server.paths.append(self.path)
        if server.status:
            self.send_error(server.status)
            return
        time.sleep(server.pause)
        first = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and server.ranges else 0
        length = len(server.content)
        if first >= length:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{length}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if asked and server.ranges else 200)
        if asked and server.ranges:
            self.send_header("Content-Range", f"bytes {first}-{length - 1}/{length}")
        if server.announce:
            self.send_header("Content-Length", str(length - first))
        self.end_headers()
        body = server.content[first:]
        self.wfile.write(body if server.break_after is None else body[: server.break_after])


@contextlib.contextmanager
def serving(monkeypatch):
    """A running server, which a proxy does not come before; files come in pieces of 1 kB."""
    server = Server()
    monkeypatch.setattr(transfer, "CHUNK", 1000)
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(variable, "127.0.0.1")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
