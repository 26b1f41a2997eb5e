"""The attacker edits our files: every flip, every deletion, and thousands of seeded mutations.

Whatever comes out is our own refusal, or means exactly what was signed. A traceback is a failure.
"""

import base64
import json
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import signing
from fusiondiff_audit.cli.sign import read_entries
from signing.dsse import Envelope
from signing.errors import SigningError
from signing.fields import read_json
from signing.names import refuse_collisions, refuse_unsafe
from signing.roots import PAYLOAD_TYPE, Root
from signing.sigstore_bundle import sign_payload
from signing.strict import read_base64
from signing.times import read_duration, read_moment, read_time
from signing.trust import write_chain
from tests.attacker import MASKS, deletions, flips, mutant
from tests.conftest import NOW, entry, make_trust, sign

Keys = dict[str, signing.PrivateKey]
Read = Callable[[bytes], object]
MUTATIONS = 2_000
SOAK_MUTATIONS = 20_000


@pytest.fixture
def batch(tmp_path: Path, keys: Keys) -> Path:
    folder = tmp_path / "batch"
    folder.mkdir()
    (folder / "a.tif").write_bytes(b"alpha")
    (folder / "b.tif").write_bytes(b"beta")
    size = signing.PixelSize.parse("12.5 nm")
    sign(folder, keys["device"], claims={"a.tif": signing.Claim(signing.FileKind.IMAGE, "s1", size)})
    return folder


@pytest.fixture
def grown(trust: signing.TrustStore, keys: Keys) -> signing.TrustStore:
    """Return a store of two versions, with a revoked key."""
    revocation = signing.Revocation(NOW, signing.RevocationReason.COMPROMISED)
    proposal = signing.propose_revocation(trust, keys["labeller"].public.keyid, revocation, issued=NOW)
    return proposal.cosigned((keys["root"],)).complete(NOW)


def open_manifest(batch: Path, trust: signing.TrustStore) -> Read:
    """Return a reader of manifests; what it returns is all that a batch says."""

    def read(data: bytes) -> object:
        (batch / signing.MANIFEST_NAME).write_bytes(data)
        opened = signing.open_batch(batch, trust=trust)
        return opened.manifest, opened.signer

    return read


def open_trust(store: signing.TrustStore) -> Read:
    """Return a reader of stores for a user who pinned this one, and has seen its version."""
    return lambda data: signing.load_trust(data, at=NOW, root=store.fingerprint, min_version=store.root.version).roots


def count_accepted(read: Read, variants: Iterator[bytes], meaning: object) -> tuple[int, int]:
    """Return how many variants there were, and how many were accepted; an accepted one must mean the same."""
    total = accepted = 0
    for data in variants:
        total += 1
        try:
            result = read(data)
        except SigningError:
            continue
        assert result == meaning, data
        accepted += 1
    return total, accepted


@pytest.mark.parametrize("masks", [MASKS[:1], pytest.param(MASKS[1:], marks=pytest.mark.slow)])
@pytest.mark.parametrize("which", ["manifest", "trust store"])
def test_every_flipped_byte_is_refused(
    batch: Path, grown: signing.TrustStore, trust: signing.TrustStore, which: str, masks: tuple[int, ...]
) -> None:
    data = grown.to_bytes() if which == "trust store" else (batch / signing.MANIFEST_NAME).read_bytes()
    read = open_trust(grown) if which == "trust store" else open_manifest(batch, trust)
    assert count_accepted(read, flips(data, masks), read(data)) == (len(data) * len(masks), 0)


@pytest.mark.parametrize("which", ["manifest", "trust store"])
def test_every_deleted_field_is_refused(
    batch: Path, grown: signing.TrustStore, trust: signing.TrustStore, which: str
) -> None:
    data = grown.to_bytes() if which == "trust store" else (batch / signing.MANIFEST_NAME).read_bytes()
    read = open_trust(grown) if which == "trust store" else open_manifest(batch, trust)
    variants = [json.dumps(v).encode() for v in deletions(json.loads(data))]
    total, accepted = count_accepted(read, iter(variants), read(data))
    assert (total, accepted) == (len(variants), 0)
    assert total >= (10 if which == "manifest" else 12)


def test_a_deleted_field_is_refused_though_it_is_signed_anew(
    batch: Path, grown: signing.TrustStore, trust: signing.TrustStore, keys: Keys
) -> None:
    """Key sets are closed within the payloads too: a careless signer cannot leave anything out."""
    opened = signing.open_batch(batch, trust=trust)
    payload = opened.manifest.to_payload()
    variants = [json.dumps(v).encode() for v in deletions(json.loads(payload))]
    read = open_manifest(batch, trust)
    sealed = (sign_payload(v, keys["device"]) for v in variants)
    assert count_accepted(read, sealed, None) == (len(variants), 0)

    first, second = grown.envelopes
    payloads = [json.dumps(v).encode() for v in deletions(json.loads(second.payload))]
    for payload in payloads:
        new = Envelope.signed_by((keys["root"],), PAYLOAD_TYPE, payload)
        with pytest.raises(SigningError):
            open_trust(grown)(write_chain((first, new)))


@pytest.mark.parametrize(
    "where", [("",), ("verificationMaterial",), ("verificationMaterial", "publicKey"), ("dsseEnvelope",)]
)
def test_an_added_field_is_refused(batch: Path, trust: signing.TrustStore, where: tuple[str, ...]) -> None:
    bundle = json.loads((batch / signing.MANIFEST_NAME).read_bytes())
    place = bundle
    for name in where:
        place = place[name] if name else place
    place["more"] = None
    with pytest.raises(SigningError, match="unknown field 'more'"):
        open_manifest(batch, trust)(json.dumps(bundle).encode())


def test_an_added_field_is_refused_though_it_is_signed(batch: Path, trust: signing.TrustStore, keys: Keys) -> None:
    payload = json.loads(signing.open_batch(batch, trust=trust).manifest.to_payload())
    places = [payload, payload["subject"][0], payload["subject"][0]["digest"], payload["predicate"]]
    places += [payload["predicate"]["files"][0], payload["predicate"]["files"][0]["pixelSize"]]
    for place in places:
        place["more"] = None
        with pytest.raises(SigningError, match="unknown field 'more'"):
            open_manifest(batch, trust)(sign_payload(json.dumps(payload).encode(), keys["device"]))
        del place["more"]


def change(bundle: dict[str, Any], name: str, keys: Keys) -> None:
    """Make one of the edits that attackers of envelopes are known for."""
    envelope, material = bundle["dsseEnvelope"], bundle["verificationMaterial"]
    match name:
        case "two signatures":
            envelope["signatures"] *= 2
        case "no signature":
            envelope["signatures"] = []
        case "another hint":
            material["publicKey"]["hint"] = keys["auditor"].public.keyid
        case "another hint and key id":
            material["publicKey"]["hint"] = envelope["signatures"][0]["keyid"] = keys["labeller"].public.keyid
        case "another payload type":
            envelope["payloadType"] = "application/json"
        case "an older media type":
            bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2"
        case "a log entry":
            material["tlogEntries"] = [{}]
        case "mixed alphabets":
            envelope["payload"] = "+_" + envelope["payload"][2:]
        case "junk in base64":
            envelope["payload"] = envelope["payload"][:4] + "\n" + envelope["payload"][4:]


@pytest.mark.parametrize(
    "name",
    [
        "two signatures",
        "no signature",
        "another hint",
        "another hint and key id",
        "another payload type",
        "an older media type",
        "a log entry",
        "mixed alphabets",
        "junk in base64",
    ],
)
def test_published_attacks_on_envelopes_are_refused(
    batch: Path, trust: signing.TrustStore, keys: Keys, name: str
) -> None:
    read = open_manifest(batch, trust)
    bundle = json.loads((batch / signing.MANIFEST_NAME).read_bytes())
    read(json.dumps(bundle).encode())  # unchanged, in another spelling, it is accepted
    change(bundle, name, keys)
    with pytest.raises(SigningError):
        read(json.dumps(bundle).encode())


def test_the_other_base64_alphabet_means_the_same(batch: Path, trust: signing.TrustStore) -> None:
    read = open_manifest(batch, trust)
    data = (batch / signing.MANIFEST_NAME).read_bytes()
    meaning = read(data)
    bundle = json.loads(data)
    for place, name in ((bundle["dsseEnvelope"], "payload"), (bundle["dsseEnvelope"]["signatures"][0], "sig")):
        place[name] = place[name].replace("+", "-").replace("/", "_")
    assert read(json.dumps(bundle).encode()) == meaning


def parsers(batch: Path, trust: signing.TrustStore, keys: Keys) -> dict[str, tuple[list[bytes], Read]]:
    """Return golden samples and the parser of each format, beyond the signature where there is one."""
    manifest = signing.open_batch(batch, trust=trust).manifest.to_payload()
    version, pem = trust.envelopes[0].payload, keys["p256"].public.pem.encode()
    names = [b"b/c.png", b"aux.tif", "é.tif".encode()]

    def text(read: Callable[[str], object]) -> Read:
        return lambda data: read(data.decode("utf-8", "surrogateescape"))

    return {
        "bundle": ([(batch / signing.MANIFEST_NAME).read_bytes()], open_manifest(batch, trust)),
        "manifest payload": ([manifest], lambda data: signing.Manifest.from_payload(data, "test")),
        "trust store": ([trust.to_bytes()], lambda data: signing.load_trust(data, at=NOW)),
        "trust version": ([version], lambda data: Root.from_bytes(data, "test")),
        "public key": (
            [pem, keys["device"].public.pem.encode()],
            lambda data: signing.PublicKey.from_pem(data, "test"),
        ),
        "private key": (
            [keys["device"].to_pem(None), keys["p256"].to_pem(b"correct horse"), keys["ml-dsa"].to_pem(None)],
            from_file(batch.parent / "k.pem", lambda p: signing.load_key(p, passphrase=lambda: b"correct horse")),
        ),
        "passphrase": ([b"correct horse\n"], from_file(batch.parent / "pass", signing.read_passphrase)),
        "entries": (
            [b"file,kind,specimen,pixel_size\na.tif,image,s1,12.5 nm\nb.tif,other,,\n"],
            from_file(batch.parent / "e.csv", read_entries),
        ),
        "envelope": (
            [json.dumps(trust.envelopes[0].to_json()).encode()],
            lambda data: Envelope.from_fields(read_json(data, "test", limit=10**6), payload_limit=10**5),
        ),
        "base64": ([base64.b64encode(bytes(range(256)))], text(lambda s: read_base64(s, "test"))),
        "time": ([b"2026-11-21T12:00:00Z"], text(lambda s: read_time(s, "test"))),
        "moment": ([b"+90d", b"2026-11-21"], text(lambda s: read_moment(s, NOW))),
        "duration": ([b"90d", b"12h"], text(read_duration)),
        "pixel size": ([b"12.5 nm", "3 µm".encode()], text(signing.PixelSize.parse)),
        "name": (names, text(refuse_unsafe)),
        "names": ([b"a/b\nA/c\nb"], text(lambda s: refuse_collisions(s.split("\n")))),
    }


def from_file(path: Path, read: Callable[[Path], object]) -> Read:
    """Return a reader of bytes for what reads files that others may not read."""

    def written(data: bytes) -> object:
        path.write_bytes(data)
        path.chmod(0o600)
        return read(path)

    return written


FORMATS = (
    "private key", "passphrase", "entries", "bundle", "manifest payload", "trust store", "trust version",
    "public key", "envelope", "base64", "time", "moment", "duration", "pixel size", "name", "names",
)  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_mutations_raise_signing_errors_only(batch: Path, trust: signing.TrustStore, keys: Keys, name: str) -> None:
    assert refusals(parsers(batch, trust, keys)[name], MUTATIONS, seed=1) > MUTATIONS // 20


@pytest.mark.soak
@pytest.mark.parametrize("name", FORMATS)
def test_many_mutations_raise_signing_errors_only(
    batch: Path, trust: signing.TrustStore, keys: Keys, name: str
) -> None:
    assert refusals(parsers(batch, trust, keys)[name], SOAK_MUTATIONS, seed=2) > SOAK_MUTATIONS // 20


def refusals(case: tuple[list[bytes], Read], count: int, *, seed: int) -> int:
    """Read that many mutants and return how many were refused; anything but a value or our own error is raised."""
    samples, read = case
    rng = random.Random(seed)
    for sample in samples:
        try:
            read(sample)
        except SigningError:
            assert sample == b"aux.tif"  # the one sample that is refused as it is
    refused = 0
    for _ in range(count):
        try:
            read(mutant(rng.choice(samples), rng))
        except SigningError as e:
            assert str(e).isprintable()
            refused += 1
    return refused


def test_the_ends_of_the_calendar_as_time_of_judgement_are_refused(batch: Path, keys: Keys) -> None:
    """No arithmetic on times overflows, and no batch is valid then."""
    from datetime import UTC, datetime

    for at in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC, microsecond=0)):
        listed = (entry(keys["device"], signing.Role.DEVICE, "d", start=NOW, until=NOW + timedelta(days=9)),)
        store = make_trust(keys["root"], listed)
        with pytest.raises(SigningError):
            signing.open_batch(batch, trust=signing.TrustStore(store.roots, store.envelopes, at))
