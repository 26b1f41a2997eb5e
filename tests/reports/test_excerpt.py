"""One image can be shown alone, and says nothing of the others."""

import json

import pytest

from reports.excerpt import excerpt, verify_excerpt
from reports.issue import CHECKPOINT, issue
from reports.verdicts import Verdict
from signing import SigningError, TrustStore
from signing.strict import write_base64
from tests.reports.made import fields
from tests.reports.test_report import AUDITOR, made_report, trusted

__all__ = ["trusted"]  # the fixture


@pytest.mark.parametrize("number", [0, 6, 29])
def test_an_excerpt_proves_its_row_and_holds_no_other(number: int, trusted: TrustStore) -> None:
    said = made_report()
    checkpoint = issue(said, AUDITOR)[CHECKPOINT]
    name = said.images[number].name
    data = excerpt(said, checkpoint, name)
    found = verify_excerpt(data, "excerpt", trust=trusted)
    assert (found.header, found.row) == (said.header, said.images[number])
    assert (found.row.verdict is Verdict.REFUSED) == (number == 6)
    assert write_base64(said.salt_key).encode() not in data
    assert not any(row.name.encode() in data for row in said.images if row.name != name)
    with pytest.raises(SigningError, match="no image"):
        excerpt(said, checkpoint, "nowhere.tif")


def test_every_changed_value_of_an_excerpt_is_refused(trusted: TrustStore) -> None:
    said = made_report()
    data = excerpt(said, issue(said, AUDITOR)[CHECKPOINT], said.images[3].name)
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


def test_a_row_cannot_be_moved_to_another_report(trusted: TrustStore) -> None:
    one, two = made_report(count=30), made_report(count=31)
    parts = [json.loads(excerpt(r, issue(r, AUDITOR)[CHECKPOINT], r.images[2].name)) for r in (one, two)]
    mixed = parts[0] | {"image": parts[1]["image"]}
    with pytest.raises(SigningError):
        verify_excerpt(json.dumps(mixed).encode(), "excerpt", trust=trusted)
