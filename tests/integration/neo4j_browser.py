"""Neo4j Browser in a headless Chromium: fetch it, serve it on loopback, type into it, read what it shows."""

import json
import mimetypes
import shutil
import subprocess
import threading
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.integration.servers import UnavailableError, locked

_POM = Path(__file__).parents[1] / "servers" / "browser" / "pom.xml"
_CACHE = Path(__file__).parents[2] / ".cache" / "servers"
_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_FLAGS = (
    "--no-sandbox",  # it cannot have one as root in a container; it sees nothing but these files
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SETTINGS = {"initCmd": "", "playImplicitInitCommands": False, "allowUserStats": False}  # no welcome pages
_MILLISECONDS = 60_000


class Node(NamedTuple):
    """A drawn circle."""

    properties: dict[str, str]
    labels: list[str]
    caption: str
    colour: str


class Relationship(NamedTuple):
    """A drawn arrow; its ends by what was asked for."""

    start: str
    type: str
    end: str


def find_chromium() -> Path:
    """Find a Chromium on the PATH.

    Raises:
        UnavailableError: There is none.
    """
    found = next(filter(None, map(shutil.which, _CHROMIUMS)), None)
    if found is None:
        raise UnavailableError(f"needs a Chromium; none of {', '.join(_CHROMIUMS)} is on the PATH")
    return Path(found)


def fetch() -> Path:
    """Fetch the jar of Neo4j Browser once, and return its path.

    Raises:
        UnavailableError: There is no Maven, or it cannot fetch it.
    """
    version = ET.parse(_POM).findtext(".//{*}dependency/{*}version")
    jar = _CACHE / f"neo4j-browser-{version}.jar"
    with locked(jar.with_suffix(".lock")):
        if jar.exists():
            return jar
        maven = shutil.which("mvn")
        if maven is None:
            raise UnavailableError("needs Maven (`mvn`) to fetch Neo4j Browser")
        draft = jar.with_suffix(".part")
        shutil.rmtree(draft, ignore_errors=True)
        done = subprocess.run(
            [maven, "-q", "-B", "-f", _POM, "dependency:copy-dependencies", f"-DoutputDirectory={draft}"],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            errors = [line for line in done.stdout.splitlines() if "ERROR" in line]
            raise UnavailableError(f"Maven cannot fetch Neo4j Browser {version}: {' '.join(errors[:1])}")
        (draft / jar.name).rename(jar)
        shutil.rmtree(draft)
    return jar


@contextmanager
def served(jar: Path) -> Generator[str]:
    """Serve the files of a jar on loopback, and give the address of Neo4j Browser."""
    with zipfile.ZipFile(jar) as files:

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path).path.lstrip("/")
                name = f"{path}index.html" if path.endswith("/") else path
                try:
                    content = files.read(name)
                except KeyError:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Type", mimetypes.guess_type(name)[0] or "application/octet-stream")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *arguments: object) -> None:
                """Keep quiet."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/browser/"
            finally:
                server.shutdown()
                thread.join()


@contextmanager
def launched(chromium: Path) -> Generator[Browser]:
    """Run a Chromium that is not seen."""
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        try:
            yield program
        finally:
            program.close()


def opened(program: Browser, address: str) -> "Neo4jBrowser":
    """Open Neo4j Browser with a new profile that can reach nothing but loopback."""
    profile = program.new_context(viewport={"width": 1400, "height": 900}, device_scale_factor=1)
    profile.set_default_timeout(_MILLISECONDS)
    profile.route(lambda url: urlsplit(url).hostname != "127.0.0.1", lambda route: route.abort())
    settings = json.dumps(json.dumps(_SETTINGS))
    profile.add_init_script(
        f"localStorage.getItem('neo4j.settings') ?? localStorage.setItem('neo4j.settings', {settings})"
    )
    page = profile.new_page()
    page.goto(address)
    return Neo4jBrowser(page)


class Neo4jBrowser:
    """One page of Neo4j Browser, by what people do with it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def connect(self, uri: str, username: str, password: str) -> None:
        """Fill in the form that it opens with, and wait until it is connected."""
        scheme, _, address = uri.partition("://")
        form = self.page.get_by_test_id
        form("bolt-scheme-select").select_option(f"{scheme}://")
        form("boltaddress").fill(address)
        form("username").fill(username)
        form("password").fill(password)
        form("connect").click()
        # The form goes away before there is a connection.
        expect(form("frame").first).to_contain_text("You are connected", timeout=_MILLISECONDS)

    @property
    def editor(self) -> Locator:
        return self.page.get_by_test_id("activeEditor")

    def run(self, text: str) -> "Frame":
        """Put a text into the editor in place of what is there, and run it."""
        self.editor.locator(".monaco-editor").first.click()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.insert_text(text)
        return self.submit()

    def submit(self) -> "Frame":
        """Run what is in the editor, and wait for the frame of its answer."""
        frames = self.page.get_by_test_id("frame")
        # What was drawn before would go on moving, and take the time of what is drawn now.
        frames.get_by_role("button", name="Close").evaluate_all(
            "buttons => buttons.forEach(button => button.click())"
        )
        expect(frames).to_have_count(0, timeout=_MILLISECONDS)
        self.page.keyboard.press("ControlOrMeta+Enter")
        expect(frames).to_have_count(1, timeout=_MILLISECONDS)
        frame = frames.first
        expect(frame.get_by_test_id("frameContents")).not_to_be_empty(timeout=_MILLISECONDS)
        return Frame(frame)


class Frame:
    """What Neo4j Browser shows for one statement or command."""

    def __init__(self, locator: Locator) -> None:
        self.locator = locator

    @property
    def text(self) -> str:
        return self.locator.inner_text()

    @property
    def draws(self) -> bool:
        """Whether there is a picture; there is one where an answer holds nodes."""
        expect(self.locator.get_by_test_id("cypherFrameSidebarTable")).to_be_visible(timeout=_MILLISECONDS)
        return self.locator.get_by_test_id("cypherFrameSidebarVisualization").count() > 0

    def nodes(self, count: int) -> list[Node]:
        """Wait until so many circles are drawn, and read them."""
        circles = self.locator.locator("svg .node")
        expect(circles).to_have_count(count, timeout=_MILLISECONDS)
        # Each element carries the record that it was drawn from.
        found = circles.evaluate_all(
            """elements => elements.map(element => [
                element.__data__.propertyMap,
                element.__data__.labels,
                [...element.querySelectorAll('text.caption')].map(line => line.textContent.trim()).join(' '),
                element.querySelector('.b-outline').getAttribute('fill').toLowerCase(),
            ])"""
        )
        return [Node(*one) for one in found]

    def relationships(self, count: int, key: str) -> set[Relationship]:
        """Wait until so many arrows are drawn, and read them; a property names the nodes at their ends."""
        arrows = self.locator.locator("svg .relationship")
        expect(arrows).to_have_count(count, timeout=_MILLISECONDS)
        found = arrows.evaluate_all(
            """(elements, key) => elements.map(({__data__: {source, type, target}}) => [
                source.propertyMap[key], type, target.propertyMap[key]
            ])""",
            key,
        )
        return {Relationship(*one) for one in found}

    def table(self) -> tuple[tuple[str, ...], int]:
        """Switch to the table, and read its columns and the number of its rows."""
        self.locator.get_by_test_id("cypherFrameSidebarTable").click()
        table = self.locator.get_by_role("table")
        expect(table).to_be_visible(timeout=_MILLISECONDS)
        columns, rows = table.evaluate(
            """table => [
                [...table.querySelectorAll('th[role=columnheader]')].map(cell => cell.textContent),
                table.querySelectorAll('tbody tr').length,
            ]"""
        )
        return tuple(columns), rows

    def exported(self) -> list[dict[str, Any]]:
        """Export the answer as JSON; what the table shows is no JSON where a text holds quotation marks."""
        with self.locator.page.expect_download() as download:
            self.locator.get_by_test_id("exportJSONButton").evaluate("button => button.click()")
        return json.loads(Path(download.value.path()).read_text(encoding="utf-8-sig"))

    def picture(self, path: Path) -> None:
        """Keep what is seen of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.locator.screenshot(path=path)
