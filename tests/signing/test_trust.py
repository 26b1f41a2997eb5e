"""The trust store under TUF's root rules, and keys judged in time. Cases after tuf-conformance."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import signing
from signing.dsse import Envelope
from signing.errors import Reason, SigningError
from signing.roots import PAYLOAD_TYPE, Root, write_root
from signing.trust import MEDIA_TYPE
from tests.conftest import NOW, YEAR, entry

Keys = dict[str, signing.PrivateKey]
DAY = timedelta(days=1)


def version(number: int, keys: tuple[signing.PrivateKey, ...], **changes: Any) -> bytes:
    """Return the payload of a version that these keys govern."""
    plain: dict[str, Any] = {"issued": NOW, "expires": NOW + YEAR, "threshold": 1, "entries": ()}
    return write_root(**(plain | {"version": number, "keys": tuple(k.public for k in keys)} | changes))


def chain(*links: tuple[bytes, tuple[signing.PrivateKey, ...]]) -> bytes:
    """Return a store of payloads, each signed by its keys."""
    envelopes = [Envelope.signed_by(keys, PAYLOAD_TYPE, payload).to_json() for payload, keys in links]
    return json.dumps({"mediaType": MEDIA_TYPE, "roots": envelopes}).encode()


def refuse(data: bytes, reason: Reason, **options: Any) -> None:
    with pytest.raises(SigningError) as caught:
        signing.load_trust(data, **({"at": NOW} | options))
    assert caught.value.reason is reason, caught.value


def test_a_store_comes_back(trust: signing.TrustStore) -> None:
    assert signing.load_trust(trust.to_bytes(), at=NOW) == trust


def test_the_chain_grows_and_the_pin_stays(trust: signing.TrustStore, keys: Keys) -> None:
    more = signing.add_entry(trust, entry(keys["p256"], signing.Role.DEVICE, "sem-2"), (keys["root"],), issued=NOW)
    assert (more.root.version, more.fingerprint) == (2, trust.fingerprint)
    for pin in (more.roots[0].fingerprint, more.roots[1].fingerprint):
        assert signing.load_trust(more.to_bytes(), at=NOW, root=pin, min_version=2) == more


def test_another_chain_is_not_the_pinned_one(trust: signing.TrustStore, keys: Keys) -> None:
    other = signing.init_trust((keys["thief"],), threshold=1, entries=(), issued=NOW, expires=NOW + YEAR)
    refuse(other.to_bytes(), Reason.WRONG_ROOT, root=trust.fingerprint)


def test_a_shortened_chain_is_a_rollback(trust: signing.TrustStore) -> None:
    refuse(trust.to_bytes(), Reason.ROLLBACK, min_version=2)


def test_an_expired_store_is_refused_unless_judged_earlier(trust: signing.TrustStore) -> None:
    refuse(trust.to_bytes(), Reason.EXPIRED, at=NOW + YEAR)
    signing.load_trust(trust.to_bytes(), at=NOW + YEAR - DAY)
    signing.load_trust(trust.to_bytes(), at=NOW + YEAR, expired=True)


def test_an_expired_version_before_the_last_does_not_matter(keys: Keys) -> None:
    root = (keys["root"],)
    old = version(1, root, expires=NOW + DAY)
    data = chain((old, root), (version(2, root), root))
    assert signing.load_trust(data, at=NOW + 2 * DAY).root.version == 2


@pytest.mark.parametrize("numbers", [(2,), (1, 1), (1, 3), (1, 2, 2), (2, 1)])
def test_versions_go_up_by_one_from_one(keys: Keys, numbers: tuple[int, ...]) -> None:
    root = (keys["root"],)
    refuse(chain(*((version(n, root), root) for n in numbers)), Reason.ROLLBACK)


def test_a_new_root_needs_the_old_ones_and_its_own(keys: Keys) -> None:
    old, new = keys["root"], keys["root2"]
    first, second = (version(1, (old,)), (old,)), version(2, (new,))
    refuse(chain(first, (second, (old,))), Reason.NO_SIGNATURE)
    refuse(chain(first, (second, (new,))), Reason.NO_SIGNATURE)
    assert signing.load_trust(chain(first, (second, (old, new))), at=NOW).root.version == 2
    third = version(3, (new,))  # the old key governs no more
    refuse(chain(first, (second, (old, new)), (third, (old,))), Reason.NO_SIGNATURE)


def test_a_threshold_counts_keys_not_signatures(keys: Keys) -> None:
    both = (keys["root"], keys["root2"])
    payload = version(1, both, threshold=2)
    refuse(chain((payload, (keys["root"],))), Reason.NO_SIGNATURE)
    refuse(chain((payload, (keys["root"], keys["root"]))), Reason.MALFORMED)  # one key, listed twice
    refuse(chain((payload, (keys["root"], keys["thief"]))), Reason.NO_SIGNATURE)
    signing.load_trust(chain((payload, both)), at=NOW)


def test_one_key_under_two_names_is_one_key(keys: Keys) -> None:
    payload = json.loads(version(1, (keys["root"],), threshold=1))
    again = dict(payload["rootKeys"][0])
    for keyid in (again["keyid"], "0" * 64):
        payload["rootKeys"] = [again, {**again, "keyid": keyid}]
        payload["threshold"] = 2
        refuse(chain((json.dumps(payload).encode(), (keys["root"],))), Reason.MALFORMED)


def test_the_same_key_in_another_form_is_refused(keys: Keys) -> None:
    payload = json.loads(version(1, (keys["root"],)))
    payload["rootKeys"][0]["public"] = "a comment\n" + payload["rootKeys"][0]["public"]
    refuse(chain((json.dumps(payload).encode(), (keys["root"],))), Reason.MALFORMED)


def test_a_stray_signature_is_refused(keys: Keys) -> None:
    payload = version(1, (keys["root"],))
    refuse(chain((payload, (keys["root"], keys["thief"]))), Reason.UNKNOWN_KEY)


def test_a_bad_signature_beside_a_good_one_is_refused(keys: Keys) -> None:
    both = (keys["root"], keys["root2"])
    store = json.loads(chain((version(1, both), both)))
    store["roots"][0]["signatures"][1]["sig"] = base64.b64encode(bytes(64)).decode()
    refuse(json.dumps(store).encode(), Reason.BAD_SIGNATURE)


@pytest.mark.parametrize(
    "changes", [{"threshold": 0}, {"threshold": 2}, {"version": 0}, {"expires": NOW}, {"expires": NOW - DAY}]
)
def test_a_version_that_cannot_govern_is_malformed(keys: Keys, changes: dict[str, Any]) -> None:
    refuse(chain((version(1, (keys["root"],), **changes), (keys["root"],))), Reason.MALFORMED)


def test_a_root_key_vouches_for_nothing_else(keys: Keys) -> None:
    payload = version(1, (keys["root"],), entries=(entry(keys["root"], signing.Role.DEVICE, "both"),))
    refuse(chain((payload, (keys["root"],))), Reason.MALFORMED)


def test_a_revoked_key_never_comes_back(trust: signing.TrustStore, keys: Keys) -> None:
    keyid = keys["device"].public.keyid
    root = (keys["root"],)
    retired = signing.revoke_entry(trust, keyid, signing.Revocation(NOW, False), root, issued=NOW)
    worse = signing.revoke_entry(retired, keyid, signing.Revocation(NOW - DAY, True), root, issued=NOW)
    assert worse.root.version == 3
    for weaker in (signing.Revocation(NOW, True), signing.Revocation(NOW - DAY, False)):
        with pytest.raises(SigningError, match="would be less so now"):
            signing.revoke_entry(worse, keyid, weaker, root, issued=NOW)
    live = write_root(
        version=3, issued=NOW, expires=NOW + YEAR, threshold=1, keys=(root[0].public,), entries=trust.root.entries
    )
    with pytest.raises(SigningError, match="was revoked before"):
        retired.extended(Root.from_bytes(live, "test"), Envelope.signed_by(root, PAYLOAD_TYPE, live))


def test_a_key_keeps_its_role(trust: signing.TrustStore, keys: Keys) -> None:
    root = (keys["root"],)
    with pytest.raises(SigningError, match="is listed already"):
        signing.add_entry(trust, entry(keys["device"], signing.Role.AUDITOR, "x"), root, issued=NOW)
    moved = tuple(replace(e, role=signing.Role.AUDITOR) for e in trust.root.entries if e.principal == "device-1")
    payload = version(2, root, entries=moved)
    with pytest.raises(SigningError, match="was listed as device before"):
        trust.extended(Root.from_bytes(payload, "test"), Envelope.signed_by(root, PAYLOAD_TYPE, payload))


def test_only_root_keys_change_a_store(trust: signing.TrustStore, keys: Keys) -> None:
    stranger = entry(keys["p256"], signing.Role.DEVICE, "x")
    with pytest.raises(SigningError) as caught:
        signing.add_entry(trust, stranger, (keys["thief"],), issued=NOW)
    assert caught.value.reason is Reason.NO_SIGNATURE


LONG_AGO, SOON = NOW - 400 * DAY, NOW + 100 * DAY
# claimed, judged at, proven -> the reason of refusal, for a key valid from 30 days ago until 20 days ahead
WINDOW_CASES: dict[str, tuple[datetime, datetime, datetime | None, Reason | None]] = {
    "signed and judged in the window": (NOW, NOW, None, None),
    "claimed before the window": (NOW - 31 * DAY, NOW, None, Reason.NOT_YET_VALID),
    "claimed after the window": (NOW + 20 * DAY, NOW + 20 * DAY, None, Reason.EXPIRED),
    "claimed in it, judged after it": (NOW, SOON, None, Reason.EXPIRED),
    "claimed in it, judged before it": (NOW - 29 * DAY, LONG_AGO, None, Reason.NOT_YET_VALID),
    "proven in it, judged after it": (NOW, SOON, NOW + DAY, None),
    "proven after it": (NOW, SOON, NOW + 21 * DAY, Reason.EXPIRED),
    "proven before it": (LONG_AGO, NOW, LONG_AGO, Reason.NOT_YET_VALID),
    "claimed from the future": (NOW + timedelta(minutes=6), NOW, None, Reason.NOT_YET_VALID),
    "claimed by a clock a little ahead": (NOW + timedelta(minutes=4), NOW, None, None),
    "claimed after it was proven": (NOW + DAY, SOON, NOW, Reason.NOT_YET_VALID),
}


@pytest.mark.parametrize("case", WINDOW_CASES)
def test_a_key_is_judged_by_its_window(trust: signing.TrustStore, keys: Keys, case: str) -> None:
    claimed, at, proven, reason = WINDOW_CASES[case]
    key = entry(keys["device"], signing.Role.DEVICE, "sem-1", until=NOW + 20 * DAY)
    check(lambda: replace(trust, at=at).judge(key, claimed, "test", proven=proven), reason)


# claimed, judged at, proven -> for a key revoked at NOW, as retired and as compromised
REVOKED_CASES: dict[str, tuple[datetime, datetime, datetime | None, Reason | None, Reason | None]] = {
    "claimed after": (NOW + DAY, NOW + DAY, None, Reason.REVOKED, Reason.REVOKED),
    "claimed before, judged after": (NOW - DAY, NOW + DAY, None, Reason.REVOKED, Reason.REVOKED),
    "claimed and judged before": (NOW - DAY, NOW - DAY, None, None, Reason.REVOKED),
    "proven before": (NOW - DAY, NOW + DAY, NOW - DAY, None, None),
    "proven at that second": (NOW - DAY, NOW + DAY, NOW, Reason.REVOKED, Reason.REVOKED),
    "proven after": (NOW - DAY, NOW + DAY, NOW + DAY, Reason.REVOKED, Reason.REVOKED),
}


@pytest.mark.parametrize("case", REVOKED_CASES)
@pytest.mark.parametrize("compromised", [False, True])
def test_a_revoked_key_is_judged_by_why(trust: signing.TrustStore, keys: Keys, case: str, compromised: bool) -> None:
    claimed, at, proven, retired, stolen = REVOKED_CASES[case]
    key = replace(entry(keys["device"], signing.Role.DEVICE, "sem-1"), revoked=signing.Revocation(NOW, compromised))
    check(lambda: replace(trust, at=at).judge(key, claimed, "test", proven=proven), stolen if compromised else retired)


def check(judge: Callable[[], signing.Signer], reason: Reason | None) -> None:
    if reason is None:
        assert judge().principal == "sem-1"
        return
    with pytest.raises(SigningError) as caught:
        judge()
    assert caught.value.reason is reason


def test_a_timestamp_authority_is_listed_by_its_certificate(
    trust: signing.TrustStore, keys: Keys, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(certificate(keys["p256"]))
    window = signing.Window(NOW, NOW + YEAR)
    authority = signing.new_entry(signing.Role.TIMESTAMP, path, principal="tsa", window=window)
    store = signing.add_entry(trust, authority, (keys["root"],), issued=NOW)
    assert signing.load_trust(store.to_bytes(), at=NOW).root.entries[-1] == authority
    with pytest.raises(SigningError, match="not a key"):
        authority.public_key()
    path.write_text(keys["p256"].public.pem)
    with pytest.raises(SigningError, match="not a certificate"):
        signing.new_entry(signing.Role.TIMESTAMP, path, principal="tsa", window=window)


def certificate(key: signing.PrivateKey) -> bytes:
    """Return a self-signed certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    builder = x509.CertificateBuilder(name, name, key._key.public_key(), 1, NOW - DAY, NOW + YEAR)
    return builder.sign(key._key, SHA256()).public_bytes(Encoding.PEM)
