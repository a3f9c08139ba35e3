"""The usual forms of cache keys."""

from edgeward.caches.key_forms import USUAL_FORMS, KeyForm, forms_of
from edgeward.types import Target

TARGET = Target("http", "img.test", "/a.jpg", (("accept", "image/webp"), ("user-agent", "curl")))


def test_a_form_replaces_the_header_of_the_target() -> None:
    """It keeps the others, and the target stays the same but for its headers."""
    form = KeyForm("user-agent", "phone")
    assert form.of(TARGET).vary == (("accept", "image/webp"), ("user-agent", "phone"))
    assert (form.of(TARGET).url, KeyForm("x", "1").of(TARGET).vary[:2]) == (TARGET.url, TARGET.vary)


def test_the_forms_of_some_headers() -> None:
    """Whatever their case; a header that is no usual one has none."""
    assert forms_of(["User-Agent", "Cookie"]) == [form for form in USUAL_FORMS if form.header == "user-agent"]
    assert {form.header for form in forms_of(["x-forwarded-proto"])} == {"x-forwarded-proto"}
    assert forms_of([]) == []
