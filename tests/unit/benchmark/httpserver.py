"""A real HTTP server on this machine with configurable failures."""

import socket
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter


@dataclass
class Page:
    """A file of the server.

    `troubles` are used up one per request, the first first; after the last one the server behaves. Each is a dict of
    `status`, `headers` (added to the answer), `body`, `cut` (close the connection after so many bytes of the body),
    `announce` (Content-Length, None for no such header), `range_start` (what a 206 claims to start at).
    """

    body: bytes
    etag: str | None = '"v1"'
    ranges: bool = True
    headers: dict = field(default_factory=dict)
    troubles: list = field(default_factory=list)


class Server(ThreadingHTTPServer):
    """Pages by path, and the log of requests."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages = {}
        self.log = []
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that hangs up is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def address(self):
        """URL of the server."""
        return f"http://127.0.0.1:{self.server_port}"

    def requests(self, name):
        """Headers of the requests for paths that end so, in order."""
        return [headers for path, headers in self.log if path.endswith(name)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.log.append((self.path, dict(self.headers)))
        page = self.server.pages.get(self.path)
        if page is None:
            self._answer(404, {}, b"nothing here", {})
            return
        trouble = page.troubles.pop(0) if page.troubles else {}
        headers = dict(page.headers) | ({"ETag": page.etag} if page.etag else {})
        if "status" in trouble:
            self._answer(trouble["status"], trouble.get("headers", {}), trouble.get("body", b"trouble"), trouble)
            return
        start = self._start(page)
        body = trouble.get("body", page.body)[start:]
        if start and not body:
            self._answer(416, {"Content-Range": f"bytes */{len(page.body)}"}, b"", trouble)
            return
        if start:
            claimed = trouble.get("range_start", start)
            headers["Content-Range"] = f"bytes {claimed}-{len(page.body) - 1}/{len(page.body)}"
        self._answer(206 if start else 200, headers | trouble.get("headers", {}), body, trouble)

    def _start(self, page):
        """First byte to send: a Range counts if the server knows it and If-Range still holds."""
        wanted = self.headers.get("Range")
        if not page.ranges or wanted is None or self.headers.get("If-Range") not in (None, page.etag):
            return 0
        return int(wanted.removeprefix("bytes=").removesuffix("-"))

    def _answer(self, status, headers, body, trouble):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        announced = trouble.get("announce", len(body))
        if announced is None:
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(announced))
        self.end_headers()
        self.wfile.write(body[: trouble.get("cut", len(body))])
        if "cut" in trouble or announced != len(body):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            self.close_connection = True


class Detour(HTTPAdapter):
    """Sends what is meant for https://HOST/PATH to the server on this machine, as /HOST/PATH."""

    def __init__(self, server):
        super().__init__()
        self.server = server

    def send(self, request, **options):
        url = request.url
        pieces = urlsplit(url)
        query = f"?{pieces.query}" if pieces.query else ""
        request.url = f"{self.server.address}/{pieces.netloc}{pieces.path}{query}"
        response = super().send(request, **options)
        request.url = response.url = url
        return response
