"""The functions of the page's modules under Node give what those of Python give, one by one."""

import base64
import json
import random
import subprocess
import unicodedata
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from functools import partial
from hashlib import sha256
from hmac import digest as hmac_digest
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from reports.arithmetic import Rank, error_bounds
from reports.verdict.batch_statement import batch_statement
from reports.verdict.embedded import EMBEDDED_BUNDLES
from reports.verdict.header import ModelHeader
from reports.verdict.likelihood_ratio import Alternative, RatioCalibrator, largest_ratio, ratio_text
from reports.verdict.model_names import name_fault
from signing import Algorithm, PrivateKey, SigningError
from signing.edwards import is_prime_order
from signing.fields import read_json
from signing.keys import PublicKey
from signing.names import refuse_unsafe
from signing.records import write_record
from signing.strict import is_plain, read_base64
from signing.times import read_time

pytestmark = pytest.mark.outside
RUNNER = Path(__file__).parent / "functions.mjs"
CHANCE = random.Random(11)


def called(calls: Iterable[list[Any]]) -> list[Any]:
    """Return the results of functions of the page's modules."""
    lines = "\n".join(map(json.dumps, calls))
    done = subprocess.run(["node", str(RUNNER)], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def expected(function: Callable[[], Any]) -> Any:
    """Return a result, or the reason of a refusal."""
    try:
        return function()
    except SigningError as e:
        return {"reason": e.reason.value}


def test_intervals_of_error_rates() -> None:
    pairs = [(errors, of) for of in range(1, 40) for errors in range(of + 1)]
    pairs += [(CHANCE.randrange(of + 1), of) for of in (57, 100, 333, 1000, 2500, 20_000) for _ in range(4)]
    found = called(["errorBounds", *pair] for pair in pairs)
    assert found == [error_bounds(*pair) for pair in pairs]


def test_statements_on_batches() -> None:
    calls, stated = [], []
    for calibration, of in ((1, 1), (19, 1), (20, 8), (39, 40), (57, 500), (58, 500), (400, 2000), (20_000, 3000)):
        for alpha in ("0.05", "0.2", "0.01", "0.000001"):
            most = CHANCE.choice((1, 2, calibration))
            ranks = [Rank(CHANCE.randrange(most), calibration) for _ in range(of)]
            calls.append(["batchStatement", [[rank.at_least, rank.of] for rank in ranks], alpha])
            stated.append(write_record(batch_statement(ranks, Fraction(alpha), approximate=True)))
    assert called(calls) == stated


def test_which_characters_are_visible() -> None:
    """No character of Python's Unicode is judged otherwise; a newer Unicode of Node has others that are assigned."""
    (found,) = called([["plain", 0, 0x110000]])
    own = {code for code in range(0x110000) if not is_plain(chr(code))}
    different = own ^ set(found)
    assert {unicodedata.category(chr(code)) for code in different} <= {"Cn"}
    assert different == set()


NAMES: tuple[str, ...] = (
    "a.tif",
    "folder/a.tif",
    "",
    "/a",
    "a/",
    "a//b",
    ".",
    "a/../b",
    " a",
    "a ",
    "a.",
    "CON",
    "con.txt",
    "lpt1",
)
NAMES += (
    "con\u0131n$",
    "con\u0130n$",
    "com\u00b9",
    "conx",
    "a:b",
    "a|b",
    "a\\b",
    "\u200bx",
    "Gr\u00f6\u00dfe.tif",
    300 * "a",
)
NAMES += (
    255 * "a",
    128 * "\u00e9",
    "/".join(33 * ["a"]),
    "/".join(32 * ["a"]),
    "\u3000a",
    "a\u00a0",
    "\U0001f600.tif",
    "a\x7f",
)


def test_names_of_files() -> None:
    assert called(["refuseUnsafe", name] for name in NAMES) == [
        expected(partial(refuse_unsafe, name)) for name in NAMES
    ]
    assert called([["refuseUnsafe", "\u0301a.tif"]]) == [{"reason": "needs-tool"}]  # marks of newer versions of Unicode


TIMES: tuple[str, ...] = (
    "2026-11-21T09:30:00Z",
    "2026-02-29T00:00:00Z",
    "2028-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-1-1T0:0:0Z",
)
TIMES += (
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2026-11-21T24:00:00Z",
    "2026-11-21T23:60:00Z",
)
TIMES += (
    "2026-11-21T23:59:60Z",
    "2026-11-21T09:30:00+00:00",
    "2026-11-21T09:30:00.0Z",
    "+026-11-21T09:30:00Z",
    "",
    "Z",
)


def test_times() -> None:
    def milliseconds(text: str) -> int:
        return round(read_time(text, "text").timestamp() * 1000)

    assert called(["readTime", text] for text in TIMES) == [expected(partial(milliseconds, text)) for text in TIMES]


def test_base64() -> None:
    def decoded(text: str) -> str:
        return read_base64(text, "text").hex()

    texts = [
        "",
        "=",
        "====",
        "A===",
        "AA==",
        "AB==",
        "AA=",
        "AAA=",
        "AAB=",
        "AAAA",
        "AA==AAAA",
        "AAA A",
        "+/A=",
        "-_A=",
        "+_A=",
    ]
    texts += [base64.b64encode(CHANCE.randbytes(n)).decode() for n in range(20)]
    texts += ["".join(CHANCE.choices("Aa9+/-_= \u00e9", k=CHANCE.randrange(9))) for _ in range(400)]
    assert called(["base64", text] for text in texts) == [expected(partial(decoded, text)) for text in texts]


def test_digests() -> None:
    messages = [CHANCE.randbytes(n) for n in (0, 1, 3, 55, 56, 63, 64, 65, 119, 120, 1000, 65_527, 65_528, 70_000)]
    assert called(["sha256", message.hex()] for message in messages) == [sha256(m).hexdigest() for m in messages]
    key = CHANCE.randbytes(32)
    found = called(["hmac", key.hex(), message.hex()] for message in messages)
    assert found == [hmac_digest(key, message, "sha256").hex() for message in messages]


def test_points_of_prime_order() -> None:
    small = [
        "00" * 32,
        "01" + "00" * 31,
        "ec" + "ff" * 30 + "7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    ]
    small += [
        "00" * 31 + "80",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ed" + "ff" * 30 + "7f",
        "",
    ]
    points = [bytes.fromhex(text) for text in small] + [CHANCE.randbytes(32) for _ in range(40)]
    points += [PrivateKey.generate(Algorithm.ED25519).public.raw() for _ in range(5)]
    found = called(["isPrimeOrder", raw.hex()] for raw in points)
    assert found == [is_prime_order(raw) for raw in points]
    assert 5 < sum(found) < len(found)


JSON: tuple[str, ...] = (
    '{"a":1}',
    '{"a":1,"a":2}',
    "[]",
    '{"a":NaN}',
    '{"a":1e999}',
    '{"a":-0}',
    '{"a":1.5e3}',
    '{"a":01}',
    '{"a":1}x',
    ' {"a" : [ ] } ',
)
JSON += (
    '\ufeff{"a":1}',
    '{"a":"\\ud800"}',
    '{"a":"\\x"}',
    '{"a":"\t"}',
    '{"a":"\\u00e9\u00e9"}',
    '{"a":"\\\\"}',
    '{"a":"\\\\\\""}',
)
JSON += (
    "{" + '"a":{' * 14 + '"a":1' + "}" * 15,
    "{" + '"a":{' * 15 + '"a":1' + "}" * 16,
    '{"a":' + "9" * 30 + "}",
    '{"__proto__":1}',
)
JSON += (
    "{" + "1," * 120,
    '{"a":tru}',
    '{"a":true,}',
    "{,}",
    "",
    "null",
    '{"a":-}',
    '{"a":1.}',
    '{"a":.5}',
    '{"a":"',
    '{"a"',
)


def test_json() -> None:
    def plain(value: Any) -> Any:
        if isinstance(value, bool) or value is None or isinstance(value, str):
            return value
        if isinstance(value, int):
            return str(value)
        if isinstance(value, float):
            return [value]
        if isinstance(value, list):
            return {"list": [plain(inner) for inner in value]}
        return {key: plain(inner) for key, inner in value.items()}

    def parsed(text: bytes) -> Any:
        return plain(read_json(text, "text", limit=1000, tokens=100).value)

    texts = [text.encode() for text in JSON] + [
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b"\xff\xfe{\0}\0",
        b" " * 1001,
    ]
    for _ in range(1500):
        text = bytearray(CHANCE.choice(JSON).encode() or b"{}")
        for _ in range(CHANCE.choice((1, 2))):
            text[CHANCE.randrange(len(text))] = CHANCE.choice(b'{}[]":,0123456789eE.-+ \\ntua\x00\x1f\x7f\xc3')
        texts.append(bytes(text))
    found = called(["json", text.hex()] for text in texts)
    assert found == [expected(partial(parsed, text)) for text in texts]


CERAMIC = next(iter(EMBEDDED_BUNDLES))
MODELS = (
    *(
        ("alder", None),
        ("fusion-diff-v1-ceramic", None),
        ("Fusion_Diff v1 CERAMIC", None),
        ("another fusion-diff-v1-ceramic", None),
    ),
    *(
        ("birch", "fusion-diff-v1-ceramic"),
        ("birch", "my fusion-diff-v1-ceramic"),
        ("birch", "another fusion-diff-v1-ceramic"),
    ),
    *(
        ("birch enrolled on oak", None),
        ("Enrolled\u2003On", None),
        ("\uff46usion-diff-v1-ceramic", None),
        ("fu\u017fion diff v1 ceramic", None),
    ),
    *(
        ("fus\u0130on diff v1 ceramic", None),
        ("Gr\u00f6\u00dfe", None),
        ("\u041a\u0435\u0440\u0430\u043c\u0438\u043a\u0430", "\u9676\u74f7"),
        ("\u2160", None),
    ),
)


def test_names_of_models() -> None:
    calls, stated = [], []
    for digest in ("0" * 64, CERAMIC):
        for name, base in MODELS:
            calls.append(["nameFault", name, base, digest])
            model = ModelHeader(name, digest, True, 1, 1, 1, (), (), None, (), (), base)
            stated.append(name_fault(model) is not None)
    assert called(calls) == stated
    assert called([["nameFault", "fus\u00edon-diff-v1-ceramic", None, "0" * 64]]) == [{"reason": "needs-tool"}]


def test_likelihood_ratios() -> None:
    calibrators, calls, texts = [], [], []
    for _ in range(300):
        of, others = CHANCE.randrange(1, 60), CHANCE.randrange(1, 60)
        most, least = largest_ratio(of, others), 1 / largest_ratio(others, of)
        high = CHANCE.choice((f"{float(most):.2f}", "1", f"{float(most) / 2:.3f}", "2E1", "1e-3", "00012.50"))
        low = CHANCE.choice((f"{float(least):.4f}", "1", "0.5", "5e-1", ".9"))
        slope, intercept = f"{CHANCE.uniform(-0.1, 9):.5g}", f"{CHANCE.uniform(-9, 9):.12g}"
        numbers = {"intercept": intercept, "slope": slope, "floor": low, "ceiling": high}
        made = numbers | {"reference": of, "others": others, "alternative": "enrolled-makers"}
        calls.append(["calibratorFault", made])
        try:
            decimals = {name: Decimal(text) for name, text in numbers.items()}
            kept = RatioCalibrator(Alternative.ENROLLED_MAKERS, reference=of, others=others, **decimals)
        except ValueError:
            calibrators.append(True)
        else:
            calibrators.append(False)
            score = f"{CHANCE.uniform(-3, 3):.6f}"
            texts.append((["ratioText", made, score], ratio_text(kept.ratio(Decimal(score)))))
    assert called(calls) == calibrators
    assert len(texts) > 50
    assert called(call for call, _ in texts) == [text for _, text in texts]


def keyid_of(key: object) -> str:
    return PublicKey.of(key, "key").keyid


@pytest.mark.vectors
@pytest.mark.parametrize("name", ["ed25519_test", "ecdsa_secp256r1_sha256_test"])
def test_published_signatures(vectors: Path, name: str) -> None:
    """Every verdict of Wycheproof, as of the tool."""
    calls, valid = [], []
    (file,) = (vectors / "wycheproof").rglob(f"{name}*.json")
    for group in json.loads(file.read_text())["testGroups"]:
        key = load_pem_public_key(group["publicKeyPem"].encode())
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        own = expected(partial(keyid_of, key))
        for test in group["tests"]:
            calls.append(["verify", der.hex(), test["sig"], test["msg"]])
            valid.append(own if test["result"] == "valid" or isinstance(own, dict) else {"reason": "bad-signature"})
    assert called(calls) == valid
    assert len(valid) > 100
