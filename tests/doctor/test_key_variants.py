"""The requests that a key check makes."""

from edgeward.doctor.key_variants import BY_ACCEPT, BY_HEADER, PURGED, VARIANTS, header_of


def test_each_picture_format_is_asked_for_alone_and_mixed() -> None:
    """A map of Accept may have a value for any of them; all other requests accept what the purged one does."""
    accepted = [dict(headers)["Accept"] for headers in BY_ACCEPT]
    for name in ("avif", "webp", "png", "jxl"):
        assert f"image/{name}" in accepted
        assert any(name in each and "," in each for each in accepted) or name == "png"
    assert VARIANTS[0] == PURGED
    assert {headers[0] for headers in BY_HEADER} == set(PURGED)
    assert len({header_of(headers) for headers in BY_HEADER}) == len(BY_HEADER)
