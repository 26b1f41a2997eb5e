"""A headless Chromium that a test drives over the DevTools protocol, through two pipes and without any port."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_PATIENCE = 60  # seconds
# A container has little shared memory and no namespaces for the browser's own sandbox.
_OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
_DOMAINS = ("Page", "Runtime", "DOM", "Log", "Network")


class Browser:
    """One page of a browser; `events` are what it reported meanwhile."""

    def __init__(self, into: int, out: int) -> None:
        self._into, self._out, self._read, self._number = into, out, b"", 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in _DOMAINS:
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {} if self._session is None else {"sessionId": self._session}
        os.write(self._into, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            data = os.read(self._out, 1 << 20)
            assert data, "the browser is gone"
            self._read += data
        message, _, self._read = self._read.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer

    def open(self, page: Path) -> None:
        """Open a file, and wait until it is there."""
        self.send("Page.navigate", url=page.resolve().as_uri())
        self.wait_for("document.readyState === 'complete' && location.protocol === 'file:'")

    def value(self, expression: str) -> Any:
        """Return what an expression comes to in the page."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until an expression holds in the page."""
        end = time.monotonic() + _PATIENCE
        while not self.value(expression):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.02)

    def choose(self, element: str, files: list[Path]) -> None:
        """Choose files in an input of the page, as a person does in the dialogue."""
        found = self.send("Runtime.evaluate", expression=f"document.getElementById('{element}')")
        paths = [str(file.resolve()) for file in files]
        self.send("DOM.setFileInputFiles", files=paths, objectId=found["result"]["objectId"])

    def drop(self, element: str, path: Path) -> None:
        """Drop a file or a folder on an element."""
        box = self.value(f"JSON.stringify(document.getElementById('{element}').getBoundingClientRect())")
        place = json.loads(box)
        x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
        data = {"items": [], "files": [str(path.resolve())], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.send("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def complaints(self) -> list[str]:
        """Return what the console shows: refusals of the content policy, and exceptions."""
        return [json.dumps(e) for e in self.events if e["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]

    def addresses(self) -> list[str]:
        """Return the addresses that were asked for."""
        asked = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in asked]


@contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """Start a browser with a new profile, and end it."""
    (to_read, into), (out, to_write) = os.pipe(), os.pipe()
    # Chromium reads commands from descriptor 3, and writes answers to 4.
    shell = f'exec 3<&{to_read} 4>&{to_write}; exec "$@"'
    command = ["chromium", *_OPTIONS, "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(
        ["bash", "-c", shell, "bash", *command], pass_fds=(to_read, to_write), stderr=subprocess.DEVNULL
    )
    os.close(to_read)
    os.close(to_write)
    try:
        browser = Browser(into, out)
        yield browser
        with suppress(AssertionError):
            browser.send("Browser.close")
    finally:
        os.close(into)
        os.close(out)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
