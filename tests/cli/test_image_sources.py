"""Pictures from files and URLs: limited in size, and each failure is an error that names the source."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.support.programs import free_port

from edgeward.cli import image_sources
from edgeward.errors import BadImage, NotFound, Unavailable, UserError

BODY = b"\xff\xd8 picture"
CODED = gzip.compress(BODY)


class _Origin(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answers: dict[str, tuple[int, dict[str, str], bytes]] = {
            "/a.jpg": (200, {}, BODY),
            "/coded": (200, {"Content-Encoding": "gzip"}, CODED),
            "/broken": (200, {"Content-Encoding": "gzip"}, b"no gzip"),
            "/moved": (302, {"Location": "/a.jpg"}, b""),
            "/to-file": (302, {"Location": "file:///etc/hostname"}, b""),
            "/to-ftp": (302, {"Location": "ftp://127.0.0.1/x"}, b""),
            "/gone": (451, {}, b"no"),
            "/down": (502, {}, b"no"),
            "/gr%C3%B6%C3%9Fe%20x.jpg?%C3%A9": (200, {}, BODY),
        }
        status, headers, body = answers[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Origin)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_reads_a_file(tmp_path: Path) -> None:
    """A path gives the bytes of the file."""
    (tmp_path / "a").write_bytes(BODY)
    assert image_sources.read(str(tmp_path / "a")) == BODY


def test_reads_a_url_as_people_write_it(origin: str) -> None:
    """It is requested as by a browser."""
    assert image_sources.read(f"{origin}/x/../größe x.jpg?é#top") == BODY


def test_a_url_that_no_browser_requests(origin: str) -> None:
    """It is an error that names it."""
    with pytest.raises(UserError, match="a user name"):
        image_sources.read(origin.replace("://", "://user@"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that does not exist is NotFound."""
    with pytest.raises(NotFound, match=r"nothing\.jpg: no such file"):
        image_sources.read(str(tmp_path / "nothing.jpg"))


def test_a_directory_is_an_error(tmp_path: Path) -> None:
    """A path that can't be read is a UserError that says why."""
    with pytest.raises(UserError, match="Is a directory"):
        image_sources.read(str(tmp_path))


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    """A file of exactly the limit is read; one more byte is BadImage."""
    (tmp_path / "a").write_bytes(bytes(11))
    assert len(image_sources.read(str(tmp_path / "a"), 11)) == 11
    with pytest.raises(BadImage, match="more than 10 bytes"):
        image_sources.read(str(tmp_path / "a"), 10)


@pytest.mark.parametrize("path", ["/a.jpg", "/moved", "/coded"])
def test_downloads_a_url(origin: str, path: str) -> None:
    """A URL gives the picture: redirects are followed, and a content-coding is undone."""
    assert image_sources.read(origin + path) == BODY


def test_a_download_is_limited(origin: str) -> None:
    """A download with more bytes than allowed is refused."""
    with pytest.raises(BadImage, match="more than 5 bytes"):
        image_sources.read(f"{origin}/a.jpg", 5)


def test_a_broken_coding_is_named(origin: str) -> None:
    """A body that is not what its Content-Encoding says is BadImage with the URL."""
    with pytest.raises(BadImage, match="/broken"):
        image_sources.read(f"{origin}/broken")


def test_4xx_is_a_user_error(origin: str) -> None:
    """4xx means that the URL is wrong or blocked: exit status 2."""
    with pytest.raises(UserError, match="/gone answers 451"):
        image_sources.read(f"{origin}/gone")


def test_5xx_is_unavailable(origin: str) -> None:
    """5xx means that the server is unavailable: exit status 3."""
    with pytest.raises(Unavailable, match="/down answers 502"):
        image_sources.read(f"{origin}/down")


@pytest.mark.parametrize("path", ["/to-file", "/to-ftp"])
def test_redirects_stay_on_http(origin: str, path: str) -> None:
    """A redirect can't lead the command to a file of this machine or to another protocol."""
    with pytest.raises((Unavailable, UserError)):
        image_sources.read(origin + path)


def test_a_server_that_does_not_answer_is_named() -> None:
    """A refused connection, or a name that does not resolve, is Unavailable: the URL, and why, without a number."""
    for host, why in ((f"127.0.0.1:{free_port()}", "Connection refused"), ("nosuch.invalid", "[A-Z][a-z ]+")):
        url = f"http://{host}/a.jpg"
        with pytest.raises(Unavailable, match=rf"^{url}: {why}$"):
            image_sources.read(url)


def test_a_malformed_url_is_an_error() -> None:
    """A malformed URL is an error, not a traceback."""
    with pytest.raises((UserError, Unavailable), match="port"):
        image_sources.read("http://127.0.0.1:port/a.jpg")


def test_an_error_about_something_else_gets_no_name() -> None:
    """That a list does not exist is no error of the image."""
    with pytest.raises(NotFound, match=r"^no list is named 'a'$"), image_sources.naming_source("a.jpg"):
        raise NotFound("no list is named 'a'")


def test_an_error_gets_the_name_of_its_picture() -> None:
    """The message gets the name of the picture, and the error keeps its class."""
    with pytest.raises(BadImage, match=r"^a\.jpg: the body is empty$"), image_sources.naming_source("a.jpg"):
        raise BadImage("the body is empty")
