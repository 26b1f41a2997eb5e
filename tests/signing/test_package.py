"""The package exports what it lists."""

import signing


def test_every_listed_name_is_there_and_in_order() -> None:
    assert len(signing.__all__) == len(set(signing.__all__))
    assert all(getattr(signing, name) is not None for name in signing.__all__)
