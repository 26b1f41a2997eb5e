"""The trust store under TUF's root rules, and keys judged in time. Cases after tuf-conformance."""

import base64
import fcntl
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import signing
from signing.dsse import Envelope
from signing.errors import Reason, SigningError
from signing.roots import PAYLOAD_TYPE, Root, write_root
from signing.trust import MEDIA_TYPE, write_chain
from tests.conftest import NOW, YEAR, entry, make_trust

Keys = dict[str, signing.PrivateKey]
DAY = timedelta(days=1)


def version(number: int, keys: tuple[signing.PrivateKey, ...], **changes: Any) -> bytes:
    """Return the payload of a version that these keys govern."""
    root = Root(number, None, NOW, NOW + YEAR, 1, tuple(k.public for k in keys), (), fingerprint="")
    return write_root(replace(root, **changes))


def after(payload: bytes) -> str:
    """Return the fingerprint by which the next version names this one."""
    return hashlib.sha256(payload).hexdigest()


def chain(*links: tuple[bytes, tuple[signing.PrivateKey, ...]]) -> bytes:
    """Return a store of payloads, each signed by its keys."""
    envelopes = [Envelope.signed_by(keys, PAYLOAD_TYPE, payload).to_json() for payload, keys in links]
    return json.dumps({"mediaType": MEDIA_TYPE, "roots": envelopes}).encode()


def refuse(data: bytes, reason: Reason, **options: Any) -> None:
    with pytest.raises(SigningError) as caught:
        signing.load_trust(data, **({"at": NOW} | options))
    assert caught.value.reason is reason, caught.value


def test_a_store_survives_a_round_trip(trust: signing.TrustStore) -> None:
    assert signing.load_trust(trust.to_bytes(), at=NOW) == trust


def test_the_chain_grows_and_the_pin_stays(trust: signing.TrustStore, keys: Keys) -> None:
    more = add(trust, entry(keys["p256"], signing.Role.DEVICE, "sem-2"), keys["root"])
    assert (more.root.version, more.fingerprint) == (2, trust.fingerprint)
    for pin in (more.roots[0].fingerprint, more.roots[1].fingerprint):
        assert signing.load_trust(more.to_bytes(), at=NOW, root=pin, min_version=2) == more


def test_another_chain_is_not_the_pinned_one(trust: signing.TrustStore, keys: Keys) -> None:
    other = make_trust(keys["thief"])
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
    data = chain((old, root), (version(2, root, previous=after(old)), root))
    assert signing.load_trust(data, at=NOW + 2 * DAY).root.version == 2


@pytest.mark.parametrize("numbers", [(2,), (1, 1), (1, 3), (1, 2, 2), (2, 1)])
def test_versions_go_up_by_one_from_one(keys: Keys, numbers: tuple[int, ...]) -> None:
    root = (keys["root"],)
    payloads: list[bytes] = []
    for n in numbers:
        payloads.append(version(n, root, previous=after(payloads[-1]) if payloads else None))
    refuse(chain(*((payload, root) for payload in payloads)), Reason.ROLLBACK)


def test_a_new_version_is_signed_by_old_and_new_root_keys(keys: Keys) -> None:
    old, new = keys["root"], keys["root2"]
    first = (version(1, (old,)), (old,))
    second = version(2, (new,), previous=after(first[0]))
    refuse(chain(first, (second, (old,))), Reason.NO_SIGNATURE)
    refuse(chain(first, (second, (new,))), Reason.NO_SIGNATURE)
    assert signing.load_trust(chain(first, (second, (old, new))), at=NOW).root.version == 2
    third = version(3, (new,), previous=after(second))  # the old key governs no more
    refuse(chain(first, (second, (old, new)), (third, (old,))), Reason.UNKNOWN_KEY)


def test_a_threshold_counts_keys_not_signatures(keys: Keys) -> None:
    both = (keys["root"], keys["root2"])
    payload = version(1, both, threshold=2)
    refuse(chain((payload, (keys["root"],))), Reason.NO_SIGNATURE)
    refuse(chain((payload, (keys["root"], keys["root"]))), Reason.MALFORMED)  # one key, listed twice
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


@pytest.mark.parametrize("changes", [{"threshold": 0}, {"threshold": 2}, {"expires": NOW}, {"expires": NOW - DAY}])
def test_a_version_with_a_bad_threshold_or_expiry_is_malformed(keys: Keys, changes: dict[str, Any]) -> None:
    refuse(chain((version(1, (keys["root"],), **changes), (keys["root"],))), Reason.MALFORMED)


def test_versions_begin_with_one(keys: Keys) -> None:
    refuse(chain((version(0, (keys["root"],)), (keys["root"],))), Reason.MALFORMED)


def test_a_root_key_has_no_entry(keys: Keys) -> None:
    payload = version(1, (keys["root"],), entries=(entry(keys["root"], signing.Role.DEVICE, "both"),))
    refuse(chain((payload, (keys["root"],))), Reason.MALFORMED)


def add(store: signing.TrustStore, listed: signing.TrustEntry, *roots: signing.PrivateKey) -> signing.TrustStore:
    return signing.propose_entry(store, listed, issued=NOW).cosigned(roots).complete(NOW)


def revoke(
    store: signing.TrustStore, keyid: str, at: datetime, stolen: bool, root: signing.PrivateKey
) -> signing.TrustStore:
    revocation = signing.Revocation(
        at, signing.RevocationReason.COMPROMISED if stolen else signing.RevocationReason.RETIRED
    )
    return signing.propose_revocation(store, keyid, revocation, issued=NOW).cosigned((root,)).complete(NOW)


def go_on(store: signing.TrustStore, root: signing.PrivateKey, **changes: Any) -> bytes:
    """Return a store with one more version, as a careless or hostile root key might sign it."""
    payload = version(store.root.version + 1, (root,), previous=store.root.fingerprint, **changes)
    envelope = Envelope.signed_by((root,), PAYLOAD_TYPE, payload)
    return write_chain((*store.envelopes, envelope))


def test_a_revocation_is_never_removed_or_limited(trust: signing.TrustStore, keys: Keys) -> None:
    keyid, root = keys["device"].public.keyid, keys["root"]
    worse = revoke(revoke(trust, keyid, NOW, False, root), keyid, NOW - DAY, True, root)
    assert worse.root.version == 3
    for at, stolen in ((NOW, True), (NOW - DAY, False)):
        with pytest.raises(SigningError, match="was removed or limited"):
            revoke(worse, keyid, at, stolen, root)
    refuse(go_on(worse, root, entries=trust.root.entries), Reason.MALFORMED)  # listed as if nothing had been
    refuse(go_on(worse, root, entries=worse.root.entries[1:]), Reason.MALFORMED)  # or gone, to come back later
    signing.load_trust(go_on(worse, root, entries=worse.root.entries), at=NOW)


@pytest.mark.parametrize(
    "change", [{"role": signing.Role.AUDITOR}, {"until": NOW + 3 * YEAR}, {"start": NOW}, {"principal": "another"}]
)
def test_a_listed_key_stays_as_it_was(trust: signing.TrustStore, keys: Keys, change: dict[str, Any]) -> None:
    changed = (replace(trust.root.entries[0], **change), *trust.root.entries[1:])
    refuse(go_on(trust, keys["root"], entries=changed), Reason.MALFORMED)
    with pytest.raises(SigningError, match="is listed already"):
        add(trust, changed[0], keys["root"])


def test_a_former_root_key_has_no_entry(keys: Keys) -> None:
    old, new = keys["root"], keys["root2"]
    store = rotate(make_trust(old), (old, new), added=(new.public,), dropped=frozenset({old.public.keyid}))
    refuse(go_on(store, new, entries=(entry(old, signing.Role.DEVICE, "x"),)), Reason.MALFORMED)


def test_only_root_keys_change_a_store(trust: signing.TrustStore, keys: Keys) -> None:
    with pytest.raises(SigningError) as caught:
        add(trust, entry(keys["p256"], signing.Role.DEVICE, "x"), keys["thief"])
    assert caught.value.reason is Reason.WRONG_ROLE
    refuse(go_on(trust, keys["thief"], entries=trust.root.entries), Reason.NO_SIGNATURE)


def test_a_version_is_refused_in_another_chain(trust: signing.TrustStore, keys: Keys) -> None:
    """Whoever can swap the file before the root key signs gains nothing with users who pinned the genuine one.

    The attacker's version 1 lists the genuine root key beside his own, and his device. An unsuspecting `trust add` has
    the genuine root key sign version 2 of it. Behind the genuine version 1 it must not count.
    """
    thief, root = keys["thief"], keys["root"]
    device = signing.PrivateKey.generate(signing.Algorithm.ED25519)
    roots = (thief.public, root.public)
    fake = signing.propose_first(
        roots, threshold=1, entries=(entry(device, signing.Role.DEVICE, "fake"),), issued=NOW, expires=NOW + YEAR
    )
    signed = add(fake.cosigned((thief,)).complete(NOW), entry(keys["p256"], signing.Role.DEVICE, "sem-2"), root)
    grafted = write_chain((trust.envelopes[0], signed.envelopes[1]))
    refuse(grafted, Reason.ROLLBACK)
    refuse(signed.to_bytes(), Reason.WRONG_ROOT, root=trust.fingerprint)


def rotate(store: signing.TrustStore, signers: tuple[signing.PrivateKey, ...], **changes: Any) -> signing.TrustStore:
    plain = {"issued": NOW, "expires": NOW + YEAR}
    return signing.propose_rotation(store, **(plain | changes)).cosigned(signers).complete(NOW)


def test_root_keys_are_rotated_and_the_pin_holds(trust: signing.TrustStore, keys: Keys) -> None:
    old, new = keys["root"], keys["root2"]
    change = {"added": (new.public,), "dropped": frozenset({old.public.keyid})}
    for signers in ((old,), (new,)):  # the old and the new must both agree
        with pytest.raises(SigningError) as caught:
            rotate(trust, signers, **change)
        assert caught.value.reason is Reason.NO_SIGNATURE
    store = rotate(trust, (old, new), **change)
    assert [k.keyid for k in store.root.keys] == [new.public.keyid]
    assert signing.load_trust(store.to_bytes(), at=NOW, root=trust.fingerprint).root.entries == trust.root.entries
    with pytest.raises(SigningError) as caught:  # the old key is let go
        add(store, entry(keys["p256"], signing.Role.DEVICE, "x"), old)
    assert caught.value.reason is Reason.WRONG_ROLE


def test_a_store_is_renewed_also_after_it_expired(trust: signing.TrustStore, keys: Keys) -> None:
    late = NOW + 2 * YEAR
    expired = signing.load_trust(trust.to_bytes(), at=late, expired=True)
    with pytest.raises(SigningError, match="the trust store expired") as caught:
        signing.propose_entry(expired, entry(keys["p256"], signing.Role.DEVICE, "x"), issued=late)
    assert "rotate" in "".join(caught.value.__notes__)
    renewed = signing.propose_rotation(expired, issued=late, expires=late + YEAR).cosigned((keys["root"],))
    assert signing.load_trust(renewed.complete(late).to_bytes(), at=late).root.version == 2


@pytest.mark.parametrize("threshold", [0, 3])
def test_a_threshold_nobody_can_reach_is_refused(trust: signing.TrustStore, keys: Keys, threshold: int) -> None:
    with pytest.raises(SigningError) as caught:
        rotate(trust, (keys["root"],), added=(keys["root2"].public,), threshold=threshold)
    assert caught.value.reason is Reason.BAD_REQUEST


def test_several_root_keys_sign_one_after_the_other(keys: Keys, tmp_path: Path) -> None:
    roots = tuple(keys[name] for name in ("root", "root2", "root3"))
    public = tuple(k.public for k in roots)
    proposal = signing.propose_first(public, threshold=2, entries=(), issued=NOW, expires=NOW + YEAR)
    path = tmp_path / "pending.json"
    path.write_bytes(proposal.cosigned(roots[:1]).to_bytes())
    refuse(path.read_bytes(), Reason.NO_SIGNATURE)  # no verifier takes it
    waiting = signing.load_proposal(path)
    assert waiting.lacking() == "1 of 2 signatures needed of its own root keys"
    assert waiting.cosigned(roots[:1]).lacking() == waiting.lacking()  # the same key again is the same key
    with pytest.raises(SigningError) as caught:
        waiting.cosigned((keys["thief"],))
    assert caught.value.reason is Reason.WRONG_ROLE
    path.write_bytes(waiting.cosigned(roots[2:]).to_bytes())
    assert signing.load_trust(path, at=NOW).root.threshold == 2
    with pytest.raises(SigningError, match="has all its signatures"):
        signing.load_proposal(path)


def test_an_update_must_continue_the_present_store(trust: signing.TrustStore, keys: Keys) -> None:
    root = keys["root"]
    newer = add(trust, entry(keys["p256"], signing.Role.DEVICE, "sem-2"), root)
    fork = revoke(trust, keys["device"].public.keyid, NOW, True, root)
    assert trust.updated(newer, "test") == newer
    for store, other, reason in (
        (newer, trust, Reason.ROLLBACK),
        (newer, fork, Reason.WRONG_ROOT),
        (trust, make_trust(keys["thief"]), Reason.WRONG_ROOT),
    ):
        with pytest.raises(SigningError) as caught:
            store.updated(other, "test")
        assert caught.value.reason is reason


def test_a_change_by_another_process_is_not_overwritten(trust: signing.TrustStore, keys: Keys, tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    path.write_bytes(trust.to_bytes())
    revoked = revoke(trust, keys["device"].public.keyid, NOW, True, keys["root"])
    added = add(trust, entry(keys["p256"], signing.Role.DEVICE, "sem-2"), keys["root"])
    signing.replace_trust(path, revoked, instead_of=trust.envelopes)
    with pytest.raises(SigningError, match="changed by another process"):
        signing.replace_trust(path, added, instead_of=trust.envelopes)
    assert signing.load_trust(path, at=NOW) == revoked


@pytest.mark.parametrize(("role", "name"), [("device", "model"), ("model", "device"), ("model", "ml-dsa")])
def test_each_role_has_its_kinds_of_key(keys: Keys, tmp_path: Path, role: str, name: str) -> None:
    key = signing.PrivateKey.of(ec.generate_private_key(ec.SECP384R1()), "test") if name == "model" else keys[name]
    path = tmp_path / "k.pub.pem"
    path.write_text(key.public.pem)
    with pytest.raises(SigningError) as caught:
        signing.new_entry(signing.Role(role), path, principal="x", window=signing.Window(NOW, NOW + YEAR))
    assert caught.value.reason is Reason.UNSUPPORTED


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
@pytest.mark.parametrize("why", list(signing.RevocationReason))
def test_a_revoked_key_is_judged_by_its_reason(
    trust: signing.TrustStore, keys: Keys, case: str, why: signing.RevocationReason
) -> None:
    claimed, at, proven, retired, stolen = REVOKED_CASES[case]
    key = replace(entry(keys["device"], signing.Role.DEVICE, "sem-1"), revoked=signing.Revocation(NOW, why))
    check(
        lambda: replace(trust, at=at).judge(key, claimed, "test", proven=proven),
        stolen if why is signing.RevocationReason.COMPROMISED else retired,
    )


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
    store = add(trust, authority, keys["root"])
    assert signing.load_trust(store.to_bytes(), at=NOW).root.entries[-1] == authority
    with pytest.raises(SigningError, match="not a key"):
        authority.public_key()
    for extension, message in ((None, "not the certificate of an authority"), (False, "not a CA certificate")):
        path.write_bytes(certificate(keys["p256"], authority=extension))
        with pytest.raises(SigningError, match=message):
            signing.new_entry(signing.Role.TIMESTAMP, path, principal="tsa", window=window)
    path.write_text(keys["p256"].public.pem)
    with pytest.raises(SigningError, match="not the certificate"):
        signing.new_entry(signing.Role.TIMESTAMP, path, principal="tsa", window=window)


def certificate(key: signing.PrivateKey, *, authority: bool | None = True) -> bytes:
    """Return a self-signed certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    builder = x509.CertificateBuilder(name, name, key._key.public_key(), 1, NOW - DAY, NOW + YEAR)
    if authority is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    return builder.sign(key._key, SHA256()).public_bytes(Encoding.PEM)


def test_a_store_that_cannot_be_read_is_not_written(
    trust: signing.TrustStore, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = signing.propose_rotation(trust, issued=NOW, expires=NOW + YEAR).cosigned((keys["root"],)).complete(NOW)
    monkeypatch.setattr("signing.trust.MAX_VERSIONS", 1)
    with pytest.raises(SigningError) as caught:
        more.to_bytes()
    assert caught.value.reason is Reason.TOO_LARGE


def test_a_lock_held_by_another_process_is_refused_after_a_wait(
    trust: signing.TrustStore, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trust.json"
    path.write_bytes(trust.to_bytes())
    monkeypatch.setattr("signing.proposals._LOCK_ATTEMPTS", 2)
    more = add(trust, entry(keys["p256"], signing.Role.DEVICE, "sem-2"), keys["root"])
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(SigningError, match="is being changed by another process"):
            signing.replace_trust(path, more, instead_of=trust.envelopes)
    signing.replace_trust(path, more, instead_of=trust.envelopes)
    assert signing.load_trust(path, at=NOW) == more
