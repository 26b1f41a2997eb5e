"""Tasks of the benchmark `bench/2`: what each part holds, no leaks between parts, and the digest that fixes them."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from fusiondiff_audit.evaluation.open_set_task import (
    OPEN_SET_SIDE,
    OpenSetItem,
    OpenSetPart,
    OpenSetSizes,
    OpenSetTask,
    open_set_task,
    run_stream,
)
from fusiondiff_audit.kiln.recipe_files import bench2_kilns

BUNDLE = "ab" * 32
KILNS = bench2_kilns()
DIGEST = "4dbbc069e66b74d1187ee143f6e1fb6bcfe6b73443216381b5bed1bcb5e5feac"  # of seed 0 and this bundle
P = OpenSetPart


def task(seed: int = 0, bundle: str = BUNDLE) -> OpenSetTask:
    return open_set_task(seed, bundle, KILNS)


def specimens(items: tuple[OpenSetItem, ...]) -> dict[tuple[str, ...], list[int]]:
    """Return the fields of each specimen."""
    fields: dict[tuple[str, ...], list[int]] = {}
    for item in items:
        fields.setdefault(item.key, []).append(item.field)
    return fields


def test_parts_have_their_sizes() -> None:
    whole = task()
    assert {part: len(specimens(whole.part(part))) for part in P} == {
        P.ENROLLED: 50,
        P.ENROLLED_OTHER_MICROSCOPE: 24,
        P.OWN: 40,
        P.KNOWN: 20,
        P.UNSEEN: 4 * 16,
        P.NULL: 20,
        P.OTHER_KILN: 2 * 15,
        P.OTHER_MICROSCOPE: 20,
    }
    many = (P.ENROLLED, P.ENROLLED_OTHER_MICROSCOPE, P.OWN, P.UNSEEN)
    for part in P:
        images = 5 if part in many else 2
        assert set(map(tuple, specimens(whole.part(part)).values())) == {tuple(range(images))}
    assert 12 * len(whole.items) == 12_840
    assert len(whole.tested()) == len(whole.items) - 5 * (50 + 24)


def test_no_specimen_is_in_two_parts_and_no_image_is_twice() -> None:
    whole = task(1)
    owners: dict[tuple[str, ...], set[OpenSetPart]] = {}
    for item in whole.items:
        owners.setdefault(item.key, set()).add(item.part)
    assert all(len(parts) == 1 for parts in owners.values())
    assert len({(item.key, item.field) for item in whole.items}) == len(whole.items)
    bodies = {item.specimen().body for item in whole.items if item.field == 0}
    assert len(bodies) == len(owners)


def test_makers_and_labels() -> None:
    whole = task(2)
    makers = {part: {item.maker for item in whole.part(part)} for part in P}
    known = {"moulded", "mixed-bone", "fast-kiln"}
    assert makers == {
        P.ENROLLED: {"willow", *known},
        P.ENROLLED_OTHER_MICROSCOPE: {"willow", *known},
        P.OWN: {"willow"},
        P.KNOWN: known,
        P.UNSEEN: {"cracked", "reground", "refired", "close-copy"},
        P.NULL: {"twin"},
        P.OTHER_KILN: {"aspen", "holly"},
        P.OTHER_MICROSCOPE: {"willow"},
    }
    dealt = Counter(key[5] for key in specimens(whole.part(P.ENROLLED)))
    assert dealt.pop("authentic") == 25
    assert sorted(dealt.values()) == [8, 8, 9]
    assert {item.maker for item in whole.items if item.authentic} == {"willow"}
    assert {item.instrument for item in whole.tested() if item.part is not P.OTHER_MICROSCOPE} == {"everyday"}
    assert {item.instrument for item in whole.part(P.OTHER_MICROSCOPE)} == {"other"}


def test_an_enrolment_on_both_microscopes_has_half_of_each_class_on_either() -> None:
    both = Counter((item.authentic, item.instrument) for item in task().enrolled_on_both() if item.field == 0)
    assert both == {
        (True, "everyday"): 13,
        (True, "other"): 12,
        (False, "everyday"): 13,
        (False, "other"): 12,
    }


def test_only_the_close_copy_is_imaged_in_the_session_of_a_genuine_specimen() -> None:
    whole = task()
    own = {item.number: item.specimen() for item in whole.part(P.OWN) if item.field == 0}
    for item in (*whole.part(P.UNSEEN), *whole.part(P.NULL), *whole.part(P.KNOWN)):
        if item.field == 0:
            drawn = item.specimen()
            assert (drawn.microscope == own[item.number].microscope) == (item.workshop == "close-copy")
            assert drawn.body != own[item.number].body


def test_a_task_follows_from_the_seed_the_bundle_and_the_recipe_files() -> None:
    assert task().digest == DIGEST
    assert [task(seed).reference for seed in range(4)] == ["juniper", "larch", "willow", "juniper"]
    assert open_set_task(0, BUNDLE, KILNS[::-1]).digest == DIGEST  # whatever their order
    edited = (replace(KILNS[0], digest="0" * 64), *KILNS[1:])
    fewer = OpenSetSizes(own=39)
    others = (task(3), task(bundle="cd" * 32), open_set_task(0, BUNDLE, edited), open_set_task(0, BUNDLE, KILNS, fewer))
    assert DIGEST not in {other.digest for other in others}


def test_the_same_key_gives_the_same_pixels() -> None:
    item = task().part(P.UNSEEN)[-1]
    pixels = item.pixels()
    assert pixels.shape == (OPEN_SET_SIDE, OPEN_SET_SIDE)
    np.testing.assert_array_equal(pixels, task().part(P.UNSEEN)[-1].pixels())
    for other in (task(3), task(bundle="cd" * 32)):
        assert (other.part(P.UNSEEN)[-1].pixels() != pixels).any()
    assert (task().part(P.UNSEEN)[-2].pixels() != pixels).any()


def test_a_run_cannot_be_made_without_a_digest_of_a_bundle() -> None:
    assert run_stream(0, BUNDLE) != run_stream(1, BUNDLE)
    for digest in ("", "AB" * 32, "sha256:" + "ab" * 32):
        with pytest.raises(ValueError, match="is not a SHA-256 digest"):
            run_stream(0, digest)


def test_kilns_without_workshops_or_of_one_name_make_no_task() -> None:
    for kilns in ([kiln for kiln in KILNS if not kiln.roles], [*KILNS, KILNS[0]], []):
        with pytest.raises(ValueError, match="a task has a kiln with workshops"):
            open_set_task(0, BUNDLE, kilns)


@pytest.mark.parametrize("sizes", [{"enrolled": 1}, {"images": 1}, {"fewer_images": 0}])
def test_impossible_sizes_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="a class has 2 enrolled specimens or more"):
        OpenSetSizes(**sizes)
