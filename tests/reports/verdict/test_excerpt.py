"""One image can be shown alone, and says nothing of the others."""

import json
from dataclasses import replace

import pytest

from reports.verdict.excerpt import EXCERPT_FORMAT, make_excerpt, verify_excerpt
from reports.verdict.issue import CHECKPOINT, issue
from reports.verdict.report import leaf_bytes
from reports.verdict.verdicts import Verdict
from signing import (
    Algorithm,
    Checkpoint,
    MerkleTree,
    PrivateKey,
    Reason,
    Role,
    SigningError,
    TrustStore,
    leaf_hash,
    sign_checkpoint,
    write_proof,
)
from signing.strict import write_base64, write_json
from signing.trust_entries import Revocation, RevocationReason
from tests.conftest import NOW, entry, make_trust
from tests.reports.verdict.made import changed, fields
from tests.reports.verdict.test_report import AUDITOR, made_report, trusted

__all__ = ["trusted"]  # the fixture


@pytest.mark.parametrize("number", [0, 7, 9, 29])
def test_an_excerpt_proves_its_row_and_holds_no_other(number: int, trusted: TrustStore) -> None:
    said = made_report()
    checkpoint = issue(said, AUDITOR)[CHECKPOINT]
    name = said.images[number].name
    data = make_excerpt(said, checkpoint, name)
    found = verify_excerpt(data, "excerpt", trust=trusted)
    assert (found.header, found.row) == (said.header, said.images[number])
    assert (found.row.verdict is Verdict.REFUSED) == (number == 7)
    assert found.specimen == next((row for row in said.specimens if row.specimen == found.row.specimen), None)
    assert (found.specimen is None) == (number in {9, 29})
    assert write_base64(said.salt_key).encode() not in data
    assert not any(row.name.encode() in data for row in said.images if row.name != name)
    with pytest.raises(SigningError, match="no image"):
        make_excerpt(said, checkpoint, "nowhere.tif")


def test_every_changed_value_of_an_excerpt_is_refused(trusted: TrustStore) -> None:
    said = made_report()
    data = make_excerpt(said, issue(said, AUDITOR)[CHECKPOINT], said.images[3].name)
    ways = list(fields(json.loads(data)))
    assert len(ways) > 60
    for way in ways:
        bad = json.loads(data)
        at = bad
        for step in way[:-1]:
            at = at[step]
        value = at[way[-1]]
        at[way[-1]] = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"x{value}"
        with pytest.raises(SigningError):
            verify_excerpt(json.dumps(bad).encode(), "excerpt", trust=trusted)


def test_an_image_is_not_shown_without_its_specimen(trusted: TrustStore) -> None:
    said = made_report()
    whole = {row.specimen: row.verdict for row in said.specimens}
    good = said.images[0]
    checkpoint = issue(said, AUDITOR)[CHECKPOINT]
    parts = json.loads(make_excerpt(said, checkpoint, good.name))
    other = next(row for row in said.images if row.specimen not in (None, good.specimen))
    assert good.evidence is None  # it is the specimen's
    foreign = json.loads(make_excerpt(said, checkpoint, other.name))["specimen"]
    found = verify_excerpt(json.dumps(parts).encode(), "excerpt", trust=trusted)
    assert found.specimen is not None
    assert found.specimen.verdict is whole[good.specimen or ""]
    for bad in ({k: v for k, v in parts.items() if k != "specimen"}, parts | {"specimen": foreign}):
        with pytest.raises(SigningError) as caught:
            verify_excerpt(json.dumps(bad).encode(), "excerpt", trust=trusted)
        assert caught.value.reason is Reason.MALFORMED


def test_a_row_cannot_be_moved_to_another_report(trusted: TrustStore) -> None:
    one, two = made_report(count=30), made_report(count=31)
    parts = [json.loads(make_excerpt(r, issue(r, AUDITOR)[CHECKPOINT], r.images[2].name)) for r in (one, two)]
    mixed = parts[0] | {"image": parts[1]["image"]}
    with pytest.raises(SigningError):
        verify_excerpt(json.dumps(mixed).encode(), "excerpt", trust=trusted)


def test_an_excerpt_of_a_key_that_was_not_good_is_refused() -> None:
    said = made_report()
    data = make_excerpt(said, issue(said, AUDITOR)[CHECKPOINT], said.images[0].name)
    gone = replace(entry(AUDITOR, Role.AUDITOR, "auditor-1"), revoked=Revocation(NOW, RevocationReason.COMPROMISED))
    with pytest.raises(SigningError) as caught:
        verify_excerpt(data, "excerpt", trust=make_trust(PrivateKey.generate(Algorithm.ED25519), (gone,)))
    assert caught.value.reason is Reason.REVOKED


def test_an_auditor_cannot_sign_an_excerpt_that_contradicts_itself(trusted: TrustStore) -> None:
    """A tree is made over what `issue` would never sign."""
    said = made_report(count=4)
    turned = (replace(said.images[0], verdict=Verdict.COUNTERFEIT), *said.images[1:])
    bad = changed(said, images=turned)
    checkpoint = sign_checkpoint(Checkpoint(bad.origin, len(bad.tree), bad.tree.root()), AUDITOR)
    with pytest.raises(SigningError) as caught:
        verify_excerpt(make_excerpt(bad, checkpoint, bad.images[0].name), "excerpt", trust=trusted)
    assert caught.value.reason is Reason.CONTRADICTION
    assert (
        verify_excerpt(make_excerpt(bad, checkpoint, bad.images[1].name), "excerpt", trust=trusted).row
        == said.images[1]
    )


def test_a_header_stands_at_leaf_0_and_nowhere_else(trusted: TrustStore) -> None:
    """A tree in which the header stands twice, with a second one's proof in the excerpt."""
    said = made_report(count=4)
    leaves = [leaf_bytes(number, said.salt(number), "header", said.texts[0]) for number in range(2)]
    evidence = json.loads(said.texts[len(said.specimens)])[
        "evidence"
    ]  # of the last specimen, whose one image is the last
    text = write_json(json.loads(said.texts[-1]) | {"specimen": None, "evidence": evidence})
    image = leaf_bytes(2, said.salt(2), "image", text)
    tree = MerkleTree(map(leaf_hash, (*leaves, image)))
    checkpoint = sign_checkpoint(Checkpoint(said.origin, len(tree), tree.root()), AUDITOR)
    for number, good in ((0, True), (1, False)):
        parts = {
            kind: {
                "salt": said.salt(at),
                "said": json.loads(shown),
                "proof": write_proof(at, tree.inclusion(at), checkpoint).decode(),
            }
            for kind, at, shown in (("header", number, said.texts[0]), ("image", 2, text))
        }
        data = write_json({"format": EXCERPT_FORMAT, **parts})
        if good:
            assert verify_excerpt(data, "excerpt", trust=trusted).header == said.header
        else:
            with pytest.raises(SigningError, match="leaf 0"):
                verify_excerpt(data, "excerpt", trust=trusted)
