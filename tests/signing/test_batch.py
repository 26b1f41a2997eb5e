"""Signed folders: signed files are read back byte for byte; all else is refused, file by file."""

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import signing
from signing.errors import Reason, SigningError
from signing.folder import Reader
from signing.manifest import MAX_SIGNED_FILE
from signing.sigstore_bundle import sign_payload
from tests.conftest import NOW, entry, make_trust, sign

Keys = dict[str, signing.PrivateKey]
MakeBatch = Callable[..., Path]
NEIGHBOURS = {f"n{i:02}.tif": bytes([i]) * 100 for i in range(20)}


def outcomes(folder: Path, trust: signing.TrustStore) -> dict[str, Reason | bytes]:
    """Return the bytes of each file of a batch, or the reason of its refusal."""
    files = signing.open_batch(folder, trust=trust).files(threads=2)
    return {f.name: f.reason if isinstance(f, signing.RefusedFile) else f.data for f in files}


def test_signed_files_are_read_back(make_batch: MakeBatch, trust: signing.TrustStore) -> None:
    assert outcomes(make_batch(NEIGHBOURS), trust) == NEIGHBOURS


def test_a_manifest_survives_a_round_trip(make_batch: MakeBatch, trust: signing.TrustStore, keys: Keys) -> None:
    folder = make_batch()
    size = signing.PixelSize.parse("12.50 µm")
    claims = {"a.tif": signing.Claim(signing.FileKind.OTHER, "specimen 7", size)}
    made = sign(folder, keys["device"], claims=claims, pixel_size=signing.PixelSize.parse("3 nm"), force=True)
    batch = signing.open_batch(folder, trust=trust)
    assert batch.manifest == made
    assert signing.Manifest.from_payload(made.to_payload(), "test") == made
    first, second = made.files
    assert (first.kind, first.specimen, str(first.pixel_size)) == ("other", "specimen 7", "12.50 um")
    assert (second.kind, second.specimen, str(second.pixel_size)) == ("image", None, "3 nm")
    assert (batch.signer.principal, batch.signer.time, batch.signer.proven) == ("device-1", NOW, False)


def test_two_signings_differ_in_their_nonce(make_batch: MakeBatch, keys: Keys) -> None:
    folder = make_batch()
    assert sign(folder, keys["device"], force=True).nonce != sign(folder, keys["device"], force=True).nonce


def hide(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")


def link(path: Path) -> None:
    hide(path)
    path.symlink_to(path.parent.parent / "elsewhere")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def sock(path: Path) -> None:
    path.unlink()
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's address has at most 107 bytes
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path.name)
    os.chdir(here)


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, tuple[Callable[[Path], object], Reason]] = {
    "one bit": (lambda p: p.write_bytes(bytes([p.read_bytes()[0] ^ 1]) + p.read_bytes()[1:]), Reason.DIGEST_MISMATCH),
    "one byte more": (lambda p: p.write_bytes(p.read_bytes() + b"x"), Reason.DIGEST_MISMATCH),
    "one byte less": (lambda p: p.write_bytes(p.read_bytes()[:-1]), Reason.DIGEST_MISMATCH),
    "emptied": (lambda p: p.write_bytes(b""), Reason.DIGEST_MISMATCH),
    "grown beyond all limits": (lambda p: os.truncate(p, MAX_SIGNED_FILE + 1), Reason.DIGEST_MISMATCH),
    "deleted": (Path.unlink, Reason.MISSING_FILE),
    "moved away": (hide, Reason.MISSING_FILE),
    "a link to the very file": (link, Reason.NOT_A_FILE),
    "a pipe": (fifo, Reason.NOT_A_FILE),
    "a socket": (sock, Reason.NOT_A_FILE),
    "a folder": (folder_instead, Reason.MISSING_FILE),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_file_is_refused_and_its_neighbours_are_not(
    make_batch: MakeBatch, trust: signing.TrustStore, case: str
) -> None:
    folder = make_batch(NEIGHBOURS | {"victim.tif": b"victim"})
    damage, reason = DAMAGE[case]
    damage(folder / "victim.tif")
    assert outcomes(folder, trust) == NEIGHBOURS | {"victim.tif": reason}


@pytest.mark.parametrize("case", ["a link", "a pipe"])
def test_changes_after_the_listing_are_refused_too(make_batch: MakeBatch, trust: signing.TrustStore, case: str) -> None:
    folder = make_batch(NEIGHBOURS | {"victim.tif": b"victim"})
    batch = signing.open_batch(folder, trust=trust)
    (link if case == "a link" else fifo)(folder / "victim.tif")
    refused = [f for f in batch.files(threads=2) if isinstance(f, signing.RefusedFile)]
    assert [(f.name, f.reason) for f in refused] == [("victim.tif", Reason.NOT_A_FILE)]


def test_a_linked_folder_inside_is_not_followed(make_batch: MakeBatch, trust: signing.TrustStore) -> None:
    folder = make_batch()
    (folder / "b").rename(folder.parent / "elsewhere")
    (folder / "b").symlink_to(folder.parent / "elsewhere")
    assert outcomes(folder, trust) == {"a.tif": b"alpha", "b": Reason.EXTRA_FILE, "b/c.png": Reason.MISSING_FILE}
    batch = signing.open_batch(folder, trust=trust)
    raced = replace(batch, _listing=replace(batch._listing, files=batch._listing.files | {"b/c.png"}))
    assert Reason.NOT_A_FILE in [f.reason for f in raced.files() if isinstance(f, signing.RefusedFile)]


def test_folders_deeper_than_any_name_are_one_unsigned_entry(make_batch: MakeBatch, trust: signing.TrustStore) -> None:
    folder = make_batch()
    (folder / "/".join("d" * 40)).mkdir(parents=True)
    (folder / "/".join("d" * 40) / "x.tif").write_bytes(b"x")
    deepest = "/".join("d" * 33)
    assert outcomes(folder, trust) == {"a.tif": b"alpha", "b/c.png": b"gamma", deepest: Reason.EXTRA_FILE}


@pytest.mark.parametrize("name", ["x.tif", "b/x.tif", "new/x.tif", ".DS_Store", "Thumbs.db", "b/batch.sigstore.json"])
def test_an_unsigned_file_is_refused(make_batch: MakeBatch, trust: signing.TrustStore, name: str) -> None:
    folder = make_batch()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"x")
    assert outcomes(folder, trust) == {"a.tif": b"alpha", "b/c.png": b"gamma", name: Reason.EXTRA_FILE}
    extra = [f for f in signing.open_batch(folder, trust=trust).files() if isinstance(f, signing.RefusedFile)]
    assert ("operating system" in (extra[0].hint or "")) is (name in (".DS_Store", "Thumbs.db"))


def test_an_unsigned_file_with_an_unreadable_name_is_refused(make_batch: MakeBatch, trust: signing.TrustStore) -> None:
    folder = make_batch()
    raw = os.fsencode(folder) + b"/\xff\x1b[2J.tif"
    with open(raw, "wb"):
        pass
    refused = [f for f in signing.open_batch(folder, trust=trust).files() if isinstance(f, signing.RefusedFile)]
    assert [f.reason for f in refused] == [Reason.EXTRA_FILE]
    assert refused[0].message.isprintable()


def test_files_are_read_once_and_only_when_asked_for(
    make_batch: MakeBatch, trust: signing.TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    original = Reader.read_if

    def counting(self: Reader, name: str, *, size: int) -> tuple[int, bytes | None]:
        reads.append(name)
        return original(self, name, size=size)

    monkeypatch.setattr(Reader, "read_if", counting)
    files = signing.open_batch(make_batch(NEIGHBOURS), trust=trust).files(threads=2)
    assert reads == []
    next(files)
    assert len(reads) <= 3
    list(files)
    assert sorted(reads) == sorted(NEIGHBOURS)


@pytest.mark.parametrize(
    ("key", "reason"), [("auditor", Reason.WRONG_ROLE), ("labeller", Reason.WRONG_ROLE), ("thief", Reason.UNKNOWN_KEY)]
)
def test_only_a_device_key_opens_a_batch(
    make_batch: MakeBatch, trust: signing.TrustStore, key: str, reason: Reason
) -> None:
    refuse(make_batch(key=key), trust, reason)


def test_a_labeller_key_opens_a_batch_where_its_role_is_allowed(
    make_batch: MakeBatch, trust: signing.TrustStore
) -> None:
    batch = signing.open_batch(make_batch(key="labeller"), trust=trust, roles=(signing.Role.LABELLER,))
    assert batch.signer.role is signing.Role.LABELLER


def test_a_batch_expires(make_batch: MakeBatch, trust: signing.TrustStore) -> None:
    folder = make_batch()
    signing.open_batch(folder, trust=replace(trust, at=NOW + timedelta(days=89)))
    refuse(folder, replace(trust, at=NOW + timedelta(days=90)), Reason.EXPIRED)


def test_a_batch_cannot_be_captured_after_it_was_signed(
    make_batch: MakeBatch, trust: signing.TrustStore, keys: Keys
) -> None:
    folder = make_batch()
    manifest = signing.open_batch(folder, trust=trust).manifest
    late = replace(manifest, captured=NOW + timedelta(hours=1))
    (folder / signing.MANIFEST_NAME).write_bytes(sign_payload(late.to_payload(), keys["device"]))
    refuse(folder, trust, Reason.NOT_YET_VALID)


def test_a_p256_device_signs_too(make_batch: MakeBatch, keys: Keys) -> None:
    listed = (entry(keys["p256"], signing.Role.DEVICE, "sem-2"),)
    store = make_trust(keys["root"], listed)
    assert outcomes(make_batch(key="p256"), store) == {"a.tif": b"alpha", "b/c.png": b"gamma"}


@pytest.mark.parametrize("case", ["nothing signed", "no folder", "a pipe for a manifest"])
def test_without_a_manifest_nothing_is_opened(tmp_path: Path, trust: signing.TrustStore, case: str) -> None:
    reasons = {"nothing signed": Reason.NO_SIGNATURE, "no folder": Reason.UNREADABLE}
    if case == "a pipe for a manifest":
        os.mkfifo(tmp_path / signing.MANIFEST_NAME)
    refuse(tmp_path / "absent" if case == "no folder" else tmp_path, trust, reasons.get(case, Reason.NOT_A_FILE))


def refuse(folder: Path, trust: signing.TrustStore, reason: Reason) -> None:
    with pytest.raises(SigningError) as caught:
        signing.open_batch(folder, trust=trust)
    assert caught.value.reason is reason, caught.value


def unsignable_empty(folder: Path) -> None:
    for path in (folder / "a.tif", folder / "b/c.png"):
        path.unlink()


KEY = signing.PrivateKey.generate(signing.Algorithm.ED25519).to_pem(None)
UNSIGNABLE: dict[str, tuple[Callable[[Path], object], Reason]] = {
    "empty": (unsignable_empty, Reason.EMPTY),
    "a link": (lambda f: (f / "l.tif").symlink_to("a.tif"), Reason.NOT_A_FILE),
    "a link to a folder": (lambda f: (f / "l").symlink_to("/"), Reason.NOT_A_FILE),
    "a pipe": (lambda f: os.mkfifo(f / "p.tif"), Reason.NOT_A_FILE),
    "what a system leaves": (lambda f: (f / "b/.DS_Store").touch(), Reason.EXTRA_FILE),
    "what a killed run leaves": (lambda f: (f / ".0123456789abcdef.part").touch(), Reason.EXTRA_FILE),
    "a private key": (lambda f: (f / "notes.txt").write_bytes(KEY), Reason.KEY_EXPOSED),
    "our own name in capitals": (lambda f: (f / "BATCH.sigstore.json").touch(), Reason.UNSAFE_NAME),
    "a space that one cuts": (lambda f: (f / "a.tif\u00a0").touch(), Reason.UNSAFE_NAME),
    "a name that shows as another": (lambda f: (f / "a\u034f.tif").touch(), Reason.UNSAFE_NAME),
    "case": (lambda f: (f / "A.TIF").write_bytes(b""), Reason.UNSAFE_NAME),
    "a device name": (lambda f: (f / "con.tif").write_bytes(b""), Reason.UNSAFE_NAME),
    "not UTF-8": (lambda f: Path(os.fsdecode(os.fsencode(f) + b"/\xff.tif")).write_bytes(b""), Reason.UNSAFE_NAME),
    "too large": (lambda f: os.truncate(f / "a.tif", MAX_SIGNED_FILE + 1), Reason.TOO_LARGE),
}


@pytest.mark.parametrize("case", UNSIGNABLE)
def test_a_folder_that_cannot_be_signed_is_refused_and_nothing_is_written(
    make_batch: MakeBatch, keys: Keys, case: str
) -> None:
    folder = make_batch()
    (folder / signing.MANIFEST_NAME).unlink()
    arrange, reason = UNSIGNABLE[case]
    arrange(folder)
    with pytest.raises(SigningError) as caught:
        sign(folder, keys["device"])
    assert caught.value.reason is reason
    assert not (folder / signing.MANIFEST_NAME).exists()


def test_a_signature_is_not_overwritten_without_force(make_batch: MakeBatch, keys: Keys) -> None:
    folder = make_batch()
    before = (folder / signing.MANIFEST_NAME).read_bytes()
    with pytest.raises(SigningError) as caught:
        sign(folder, keys["device"])
    assert caught.value.reason is Reason.EXISTS
    assert (folder / signing.MANIFEST_NAME).read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"device": ""},
        {"device": " x"},
        {"lab": "a\nb"},
        {"sequence": 2**63},
        {"valid_for": timedelta(0)},
        {"captured": NOW + timedelta(hours=1)},
        {"claims": {"a.tif": signing.Claim(specimen="x" * 201)}},
    ],
)
def test_claims_that_are_no_plain_names_are_refused(
    make_batch: MakeBatch, keys: Keys, changes: dict[str, object]
) -> None:
    with pytest.raises(SigningError) as caught:
        sign(make_batch(), keys["device"], force=True, **changes)
    assert caught.value.reason is Reason.BAD_REQUEST


def test_an_entry_for_no_file_is_refused(make_batch: MakeBatch, keys: Keys) -> None:
    with pytest.raises(SigningError, match=r"'b.tif', which is not there"):
        sign(make_batch(), keys["device"], force=True, claims={"b.tif": signing.Claim()})


@pytest.mark.parametrize("text", ["12.5", "nm", "0 nm", "0.000 nm", "-1 nm", "1e3 nm", "1 km", "٣ nm"])
def test_texts_that_are_no_pixel_size_are_refused(text: str) -> None:
    with pytest.raises(SigningError) as caught:
        signing.PixelSize.parse(text)
    assert caught.value.reason is Reason.BAD_REQUEST


def test_a_full_disk_loses_nothing(tmp_path: Path, keys: Keys) -> None:
    """A new key or manifest that cannot be written whole is not written at all."""
    import resource

    target = tmp_path / "k.pem"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(SigningError) as caught:
            signing.write_key(keys["device"], target, passphrase=None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.reason is Reason.CANNOT_WRITE
    assert os.listdir(tmp_path) == []


def test_a_wrong_size_is_refused_though_the_digest_is_right(
    make_batch: MakeBatch, trust: signing.TrustStore, keys: Keys
) -> None:
    folder = make_batch()
    manifest = signing.open_batch(folder, trust=trust).manifest
    lying = replace(manifest, files=(replace(manifest.files[0], size=0), *manifest.files[1:]))
    (folder / signing.MANIFEST_NAME).write_bytes(sign_payload(lying.to_payload(), keys["device"]))
    assert outcomes(folder, trust) == {"a.tif": Reason.DIGEST_MISMATCH, "b/c.png": b"gamma"}


def test_a_linked_manifest_is_refused(make_batch: MakeBatch, trust: signing.TrustStore) -> None:
    folder = make_batch()
    link(folder / signing.MANIFEST_NAME)
    refuse(folder, trust, Reason.NOT_A_FILE)


def test_folders_count_as_entries(
    make_batch: MakeBatch, trust: signing.TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signing.folder.MAX_LISTED", 10)
    folder = make_batch()
    for i in range(10):
        (folder / f"empty-{i}").mkdir()
    refuse(folder, trust, Reason.TOO_LARGE)


def test_a_payload_full_of_objects_is_refused_before_it_is_parsed(
    make_batch: MakeBatch, trust: signing.TrustStore
) -> None:
    folder = make_batch()
    (folder / signing.MANIFEST_NAME).write_bytes(b'{"a":[' + b"{}," * 1000 + b"{}]}")
    refuse(folder, trust, Reason.TOO_LARGE)


def test_a_second_signature_is_verified_where_present_and_demanded_where_required(
    make_batch: MakeBatch, keys: Keys
) -> None:
    listed = (
        entry(keys["device"], signing.Role.DEVICE, "sem-1"),
        entry(keys["ml-dsa"], signing.Role.DEVICE, "sem-1 pq"),
    )
    store = make_trust(keys["root"], listed)
    folder = make_batch()
    assert signing.open_batch(folder, trust=store).second is None
    with pytest.raises(SigningError, match="a second signature is required"):
        signing.open_batch(folder, trust=store, both=True)
    sign(folder, keys["device"], second_key=keys["ml-dsa"], force=True)
    batch = signing.open_batch(folder, trust=store, both=True)
    assert batch.second is not None
    assert batch.second.principal == "sem-1 pq"
    assert len(outcomes(folder, store)) == 2  # the second signature is no extra file
    second = folder / signing.SECOND_NAME
    genuine = second.read_bytes()
    sign(folder, keys["device"], force=True)
    assert not second.exists()  # of an older signing
    second.write_bytes(genuine)
    refuse(folder, store, Reason.BAD_SIGNATURE)  # genuine, but of another payload
    second.write_bytes((folder / signing.MANIFEST_NAME).read_bytes())
    refuse(folder, store, Reason.UNSUPPORTED)  # the first signature cannot stand in for the second
    payload = signing.open_batch(make_batch(name="other"), trust=store).manifest.to_payload()
    (folder / signing.MANIFEST_NAME).write_bytes(sign_payload(payload, keys["ml-dsa"]))
    refuse(folder, store, Reason.UNSUPPORTED)  # nor the second for the first


@pytest.mark.parametrize(("first", "second"), [("ml-dsa", None), ("device", "p256"), ("ml-dsa", "ml-dsa")])
def test_neither_signature_is_made_with_the_others_key(
    make_batch: MakeBatch, keys: Keys, first: str, second: str | None
) -> None:
    with pytest.raises(SigningError) as caught:
        sign(make_batch(), keys[first], second_key=second and keys[second], force=True)
    assert caught.value.reason is Reason.BAD_REQUEST


def test_the_second_signature_is_of_the_same_role(make_batch: MakeBatch, keys: Keys) -> None:
    listed = (
        entry(keys["device"], signing.Role.DEVICE, "sem-1"),
        entry(keys["ml-dsa"], signing.Role.LABELLER, "somebody else"),
    )
    folder = make_batch()
    sign(folder, keys["device"], second_key=keys["ml-dsa"], force=True)
    with pytest.raises(SigningError) as caught:
        signing.open_batch(
            folder, trust=make_trust(keys["root"], listed), roles=(signing.Role.DEVICE, signing.Role.LABELLER)
        )
    assert caught.value.reason is Reason.WRONG_ROLE


def test_a_signing_that_fails_leaves_the_old_signatures(make_batch: MakeBatch, keys: Keys) -> None:
    folder = make_batch()
    sign(folder, keys["device"], second_key=keys["ml-dsa"], force=True)
    second = (folder / signing.SECOND_NAME).read_bytes()
    (folder / signing.MANIFEST_NAME).unlink()
    (folder / signing.MANIFEST_NAME).mkdir()
    with pytest.raises(SigningError) as caught:
        sign(folder, keys["device"], force=True)
    assert caught.value.reason is Reason.CANNOT_WRITE
    assert (folder / signing.SECOND_NAME).read_bytes() == second
