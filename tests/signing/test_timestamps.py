"""RFC 3161: what a timestamp proves, to whom, and what it does not. The authority is openssl's."""

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

import signing
from signing.der import CONTEXT, OCTETS, SEQUENCE, SET, Node, read_der, write_der
from signing.errors import Reason, SigningError
from signing.manifest import MAX_MANIFEST
from signing.sigstore_bundle import SigstoreBundle
from tests.attacker import mutant
from tests.authority import Authority
from tests.conftest import YEAR, entry, make_trust, sign

pytestmark = pytest.mark.outside
Keys = dict[str, signing.PrivateKey]
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "authority")


class Stamped:
    """A batch signed now, by a key whose window ends in an hour, stamped by an authority."""

    def __init__(self, folder: Path, keys: Keys, authority: Authority) -> None:
        self.now = signing.now()
        self.folder, self._keys, self._authority = folder, keys, authority
        folder.mkdir()
        (folder / "a.tif").write_bytes(b"alpha")
        sign(folder, keys["device"], captured=self.now, issued=self.now, valid_for=20 * YEAR)
        self.manifest = folder / signing.MANIFEST_NAME

    def stamp(self, authority: Authority | None = None) -> datetime:
        """Have an authority stamp the manifest."""
        token = self.folder.parent / "r.tsr"
        token.write_bytes((authority or self._authority).stamp(signing.stamp_query(self.manifest)))
        return signing.attach_token(self.manifest, token)

    def open(self, at: datetime, *, revoked: signing.Revocation | None = None, listed: bool = True) -> signing.Batch:
        """Open the batch as of a time, with a store that says what is asked for."""
        device = entry(self._keys["device"], signing.Role.DEVICE, "sem-1", start=self.now - DAY, until=self.now + HOUR)
        window = signing.Window(self.now - DAY, self.now + 10 * YEAR)
        role = signing.Role.TIMESTAMP
        authorities = (signing.new_entry(role, self._authority.ca, principal="tsa", window=window),) if listed else ()
        store = make_trust(self._keys["root"], (replace(device, revoked=revoked), *authorities))
        return signing.open_batch(self.folder, trust=replace(store, at=at))


@pytest.fixture
def batch(tmp_path: Path, keys: Keys, authority: Authority) -> Stamped:
    return Stamped(tmp_path / "batch", keys, authority)


def refuse(act: Callable[[], object], reason: Reason) -> None:
    with pytest.raises(SigningError) as caught:
        act()
    assert caught.value.reason is reason, caught.value


def test_an_expired_key_is_valid_only_with_a_timestamp_from_its_window(batch: Stamped) -> None:
    later = batch.now + YEAR
    refuse(lambda: batch.open(later), Reason.EXPIRED)
    time = batch.stamp()
    opened = batch.open(later)
    assert (opened.signer.proven, opened.signer.time) == (True, time)
    assert timedelta(0) <= time - batch.now <= timedelta(minutes=2)


def test_a_compromised_key_is_valid_only_with_a_timestamp_before_its_revocation(batch: Stamped) -> None:
    for claim in (batch.now - HOUR, batch.now + HOUR):
        stolen = signing.Revocation(claim, signing.RevocationReason.COMPROMISED)
        refuse(lambda stolen=stolen: batch.open(batch.now, revoked=stolen), Reason.REVOKED)  # type: ignore[misc]
    batch.stamp()
    refuse(
        lambda: batch.open(
            batch.now, revoked=signing.Revocation(batch.now - HOUR, signing.RevocationReason.COMPROMISED)
        ),
        Reason.REVOKED,
    )
    assert batch.open(
        batch.now + YEAR, revoked=signing.Revocation(batch.now + HOUR, signing.RevocationReason.COMPROMISED)
    ).signer.proven


def test_a_retired_key_is_valid_with_a_timestamp_before_its_revocation(batch: Stamped) -> None:
    retired = signing.Revocation(batch.now + timedelta(minutes=30), signing.RevocationReason.RETIRED)
    refuse(lambda: batch.open(batch.now + YEAR, revoked=retired), Reason.REVOKED)
    batch.stamp()
    assert batch.open(batch.now + YEAR, revoked=retired).signer.proven


def test_a_timestamp_by_an_unlisted_authority_refuses_the_file(batch: Stamped, tmp_path: Path) -> None:
    batch.stamp()
    refuse(lambda: batch.open(batch.now, listed=False), Reason.BAD_TIMESTAMP)
    other = Authority(tmp_path / "other")
    batch.stamp(other)
    refuse(lambda: batch.open(batch.now), Reason.BAD_TIMESTAMP)  # one good, one by a stranger


def test_another_authority_of_the_same_name_is_refused(tmp_path: Path, keys: Keys, authority: Authority) -> None:
    stranger = Authority(tmp_path / "stranger")
    batch = Stamped(tmp_path / "batch", keys, stranger)
    stranger.ca.write_bytes(authority.ca.read_bytes())
    batch.stamp()
    refuse(lambda: batch.open(batch.now), Reason.BAD_TIMESTAMP)


PURPOSES = {
    "timestamps alone": ([ExtendedKeyUsageOID.TIME_STAMPING], True, True),
    "not critical": ([ExtendedKeyUsageOID.TIME_STAMPING], False, False),
    "servers": ([ExtendedKeyUsageOID.SERVER_AUTH], True, False),
    "timestamps and code": ([ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING], True, False),
}


@pytest.mark.parametrize("case", PURPOSES)
def test_a_certificate_must_be_made_for_timestamps_alone(batch: Stamped, authority: Authority, case: str) -> None:
    """The same key, issuer and serial number, with another purpose in the certificate that the authority used."""
    usages, critical, good = PURPOSES[case]
    batch.stamp()
    bundle = SigstoreBundle.from_bytes(batch.manifest.read_bytes(), "test", payload_limit=MAX_MANIFEST)
    certificate = authority.certificate(usages, critical=critical)
    swapped = swap_certificate(bundle.tokens[0], certificate)
    batch.manifest.write_bytes(replace(bundle, tokens=(swapped,)).to_bytes())
    refuse(lambda: batch.open(batch.now), Reason.BAD_TIMESTAMP)  # the signer meant another certificate
    token = swap_certificate(bundle.tokens[0], certificate, authority=authority)
    batch.manifest.write_bytes(replace(bundle, tokens=(token,)).to_bytes())
    if good:
        assert batch.open(batch.now).signer.proven
    else:
        refuse(lambda: batch.open(batch.now), Reason.BAD_TIMESTAMP)


def swap_certificate(token: bytes, certificate: bytes, *, authority: Authority | None = None) -> bytes:
    """Return a token with another certificate in it; the authority may sign anew that it means this one."""
    status, content = read_der(token, SEQUENCE).children()
    kind, wrapped = content.children()
    (signed,) = wrapped.children()
    parts = {part.tag: part for part in signed.children()}
    (signer,) = signed.children()[-1].children()
    fields = [field.raw for field in signer.children()]
    if authority is not None:
        old = hashlib.sha256(parts[CONTEXT].content).digest()
        assert old in fields[3]
        fields[3] = fields[3].replace(old, hashlib.sha256(certificate).digest())
        fields[5] = write_der(OCTETS, authority.sign(write_der(SET, read_der(fields[3], CONTEXT).content)))
    raw = [part.raw for part in signed.children()[:3]]
    raw += [write_der(CONTEXT, certificate), write_der(SET, write_der(SEQUENCE, b"".join(fields)))]
    inner = write_der(CONTEXT, write_der(SEQUENCE, b"".join(raw)))
    return write_der(SEQUENCE, status.raw + write_der(SEQUENCE, kind.raw + inner))


def loosen(token: bytes, change: str, authority: Authority) -> bytes:
    """Return a token with something changed that the authority's signature does not cover."""
    status, content = read_der(token, SEQUENCE).children()
    kind, wrapped = content.children()
    (signed,) = wrapped.children()
    raw = [part.raw for part in signed.children()]
    certificate = signed.children()[3].content
    match change:
        case "a text in the status":
            status = read_der(bytes.fromhex("3009020100") + bytes.fromhex("30040c02") + b"ok", SEQUENCE)
        case "the certificate twice":
            raw[3] = write_der(CONTEXT, certificate * 2)
        case "a certificate of nobody":
            other = Authority(authority.folder.parent / "nobody")
            raw[3] = write_der(CONTEXT, certificate + other.certificate([], critical=False))
        case "two digest algorithms":
            raw[1] = write_der(SET, signed.children()[1].content * 2)
        case "revocation lists":
            raw.insert(4, write_der(CONTEXT + 1, b""))
        case "unsigned attributes":
            (signer,) = signed.children()[-1].children()
            signer_info = write_der(SEQUENCE, signer.content + write_der(CONTEXT + 1, b""))
            raw[-1] = write_der(SET, signer_info)
        case "two signers":
            raw[-1] = write_der(SET, signed.children()[-1].content * 2)
    inner = write_der(CONTEXT, write_der(SEQUENCE, b"".join(raw)))
    return write_der(SEQUENCE, status.raw + write_der(SEQUENCE, kind.raw + inner))


LOOSE = (
    "a text in the status", "the certificate twice", "a certificate of nobody", "two digest algorithms",
    "revocation lists", "unsigned attributes", "two signers",
)  # fmt: skip


@pytest.mark.parametrize("change", LOOSE)
def test_unsigned_parts_of_a_token_are_refused(tmp_path: Path, keys: Keys, change: str) -> None:
    authority = Authority(tmp_path / "tsa")
    batch = Stamped(tmp_path / "batch", keys, authority)
    batch.stamp()
    bundle = SigstoreBundle.from_bytes(batch.manifest.read_bytes(), "test", payload_limit=MAX_MANIFEST)
    assert loosen(bundle.tokens[0], "nothing", authority) == bundle.tokens[0]
    token = loosen(bundle.tokens[0], change, authority)
    batch.manifest.write_bytes(replace(bundle, tokens=(token,)).to_bytes())
    refuse(lambda: batch.open(batch.now), Reason.BAD_TIMESTAMP)


def test_a_timestamp_from_after_the_time_of_judgement_proves_nothing(batch: Stamped) -> None:
    batch.stamp()
    assert batch.open(batch.now).signer.proven
    refuse(lambda: batch.open(batch.now - HOUR), Reason.BAD_TIMESTAMP)


def test_timestamps_are_removed_again(batch: Stamped) -> None:
    before = batch.manifest.read_bytes()
    batch.manifest.chmod(0o600)
    batch.stamp()
    assert signing.drop_tokens(batch.manifest) == 1
    assert batch.manifest.read_bytes() == before
    assert batch.manifest.stat().st_mode & 0o777 == 0o600


def test_a_token_by_an_unlisted_authority_is_not_attached(batch: Stamped, trust: signing.TrustStore) -> None:
    token = batch.folder.parent / "r.tsr"
    batch.stamp()
    signing.drop_tokens(batch.manifest)
    before = batch.manifest.read_bytes()
    refuse(lambda: signing.attach_token(batch.manifest, token, trust=trust), Reason.BAD_TIMESTAMP)
    assert batch.manifest.read_bytes() == before


def test_an_authority_is_judged_by_its_own_window_and_revocation(
    batch: Stamped, keys: Keys, authority: Authority
) -> None:
    batch.stamp()
    device = entry(keys["device"], signing.Role.DEVICE, "sem-1", start=batch.now - DAY, until=batch.now + YEAR)

    def open_with(start: datetime, until: datetime, revoked: signing.Revocation | None = None) -> signing.Batch:
        window = signing.Window(start, until)
        listed = signing.new_entry(signing.Role.TIMESTAMP, authority.ca, principal="tsa", window=window)
        store = make_trust(keys["root"], (device, replace(listed, revoked=revoked)))
        return signing.open_batch(batch.folder, trust=replace(store, at=batch.now))

    now = batch.now
    assert open_with(now - DAY, now + DAY).signer.proven
    refuse(lambda: open_with(now + HOUR, now + DAY), Reason.BAD_TIMESTAMP)
    refuse(lambda: open_with(now - DAY, now - HOUR), Reason.BAD_TIMESTAMP)
    refuse(
        lambda: open_with(now - DAY, now + DAY, signing.Revocation(now - HOUR, signing.RevocationReason.RETIRED)),
        Reason.REVOKED,
    )
    refuse(
        lambda: open_with(now - DAY, now + DAY, signing.Revocation(now + HOUR, signing.RevocationReason.COMPROMISED)),
        Reason.REVOKED,
    )
    assert open_with(
        now - DAY, now + DAY, signing.Revocation(now + HOUR, signing.RevocationReason.RETIRED)
    ).signer.proven


def test_a_response_to_another_request_is_not_attached(batch: Stamped, tmp_path: Path, authority: Authority) -> None:
    other = signing.PrivateKey.generate(signing.Algorithm.P256)
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "b.tif").write_bytes(b"beta")
    sign(folder, other)
    token = tmp_path / "r.tsr"
    token.write_bytes(authority.stamp(signing.stamp_query(folder / signing.MANIFEST_NAME)))
    before = batch.manifest.read_bytes()
    refuse(lambda: signing.attach_token(batch.manifest, token), Reason.BAD_TIMESTAMP)
    assert batch.manifest.read_bytes() == before
    bundle = SigstoreBundle.from_bytes(before, "test", payload_limit=MAX_MANIFEST)
    batch.manifest.write_bytes(
        replace(bundle, tokens=(token.read_bytes(),)).to_bytes()
    )  # nor does it count where somebody put it in by hand
    refuse(lambda: batch.open(batch.now), Reason.BAD_TIMESTAMP)


def test_a_timestamp_is_attached_once_and_leaves_the_signature_as_it_was(batch: Stamped, tmp_path: Path) -> None:
    before = json.loads(batch.manifest.read_bytes())
    batch.stamp()
    after = json.loads(batch.manifest.read_bytes())
    assert after["dsseEnvelope"] == before["dsseEnvelope"]
    refuse(lambda: signing.attach_token(batch.manifest, tmp_path / "r.tsr"), Reason.EXISTS)
    for _ in range(3):
        batch.stamp()
    refuse(batch.stamp, Reason.TOO_LARGE)


def test_openssl_accepts_what_we_accept(batch: Stamped, authority: Authority) -> None:
    batch.stamp()
    bundle = SigstoreBundle.from_bytes(batch.manifest.read_bytes(), "test", payload_limit=MAX_MANIFEST)
    assert authority.verifies(bundle.tokens[0], bundle.signature)
    assert not authority.verifies(bundle.tokens[0], bundle.signature[::-1])


def test_every_flipped_byte_of_a_token_is_refused(batch: Stamped) -> None:
    batch.stamp()
    bundle = SigstoreBundle.from_bytes(batch.manifest.read_bytes(), "test", payload_limit=MAX_MANIFEST)
    token = bundle.tokens[0]
    for i in range(len(token)):
        for mask in (0x01, 0x80):
            changed = token[:i] + bytes([token[i] ^ mask]) + token[i + 1 :]
            batch.manifest.write_bytes(replace(bundle, tokens=(changed,)).to_bytes())
            refuse(lambda: batch.open(batch.now), Reason.BAD_TIMESTAMP)


def cuts(node: Node) -> Iterator[bytes]:
    """Yield the bytes of an element with each of the elements in it left out once, at every depth."""
    if not node.tag & 0x20:  # not made of others
        return
    inner = node.children()
    for i, child in enumerate(inner):
        rest = [b"".join(n.raw for n in inner[:i]), b"".join(n.raw for n in inner[i + 1 :])]
        yield write_der(node.tag, rest[0] + rest[1])
        for changed in cuts(child):
            yield write_der(node.tag, rest[0] + changed + rest[1])


def test_every_element_left_out_of_a_token_is_refused(batch: Stamped) -> None:
    batch.stamp()
    bundle = SigstoreBundle.from_bytes(batch.manifest.read_bytes(), "test", payload_limit=MAX_MANIFEST)
    variants = list(cuts(read_der(bundle.tokens[0], SEQUENCE)))
    assert len(variants) >= 90
    for token in variants:
        batch.manifest.write_bytes(replace(bundle, tokens=(token,)).to_bytes())
        refuse(lambda: batch.open(batch.now), Reason.BAD_TIMESTAMP)


@pytest.mark.parametrize("count", [200, pytest.param(5_000, marks=pytest.mark.soak)])
def test_mutated_tokens_raise_signing_errors_only(batch: Stamped, count: int) -> None:
    batch.stamp()
    bundle = SigstoreBundle.from_bytes(batch.manifest.read_bytes(), "test", payload_limit=MAX_MANIFEST)
    rng = random.Random(3)
    refused = 0
    for _ in range(count):
        batch.manifest.write_bytes(replace(bundle, tokens=(mutant(bundle.tokens[0], rng),)).to_bytes())
        try:
            batch.open(batch.now)
        except SigningError:
            refused += 1
    assert refused > count * 3 // 4
