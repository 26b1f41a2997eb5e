"""The page that is shipped is the one that its modules make, and holds nothing that a strict page does not need."""

import base64
import re
from hashlib import sha256

from fusiondiff_audit.page.verifier_build import CONSTANTS, MODULES, VERIFIER_PAGE, build_constants, build_page

LONGEST = 250  # lines of a module
FORBIDDEN = r"\b(eval|Function|fetch|XMLHttpRequest|WebSocket|importScripts|Worker|localStorage|indexedDB)\b|innerHTML|"
FORBIDDEN += (
    r"outerHTML|insertAdjacentHTML|document\.write|\bimport\s*\(|https?:(?!//(fusiondiff-audit|in-toto\.io|slsa\.dev)/)"
)


def test_the_shipped_page_is_the_one_that_the_modules_make() -> None:
    assert CONSTANTS.read_text(encoding="utf-8") == build_constants()
    assert VERIFIER_PAGE.read_text(encoding="utf-8") == build_page()


def test_every_module_is_in_the_page_and_short() -> None:
    page = build_page()
    modules = sorted(MODULES.glob("*.mjs"))
    assert len(modules) > 30
    for module in modules:
        assert page.count(f"const module_{module.stem.replace('-', '_')} = ") == 1, module.name
        assert len(module.read_text(encoding="utf-8").splitlines()) <= LONGEST, module.name


def test_the_policy_allows_this_script_and_this_style_alone() -> None:
    page = build_page()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    script, style = (re.search(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL) for tag in ("script", "style"))
    assert policy
    assert script
    assert style
    digests = [base64.b64encode(sha256(part[1].encode()).digest()).decode() for part in (script, style)]
    assert policy[1] == (
        f"default-src 'none'; script-src 'sha256-{digests[0]}'; style-src 'sha256-{digests[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert page.index("Content-Security-Policy") < page.index("<style>") < page.index("<script>")
    assert not re.findall(r'\s(on\w+|style|src|href)="', page)


def test_no_module_evaluates_text_or_reaches_for_a_network() -> None:
    for module in MODULES.glob("*.mjs"):
        assert re.search(FORBIDDEN, module.read_text(encoding="utf-8")) is None, module.name
