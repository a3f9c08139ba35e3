"""Secrets of the settings: rules that hold once they are read, and nothing that shows them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from edgeward.cli.config import shown
from edgeward.cli.main import main
from edgeward.errors import ConfigError
from edgeward.settings.cache_settings import CACHE_TYPES, driver_of
from edgeward.settings.config import Config, HostSettings, WebhookSettings
from edgeward.settings.exchange_settings import ExchangeSettings
from edgeward.settings.loading import load
from edgeward.settings.secret_types import MASK, Secret, SecretUrl, hide_secrets, masked
from edgeward.settings.setting_types import is_secret, may_hold_secret
from edgeward.settings.source_settings import ListSourceSettings

HUSH = "hush-hush-hush-hush-hush"
"""In every secret, password and token of these tests."""
MODELS: dict[str, type[BaseModel]] = {
    **{driver_of(kind): kind for kind in CACHE_TYPES},
    "webhooks": WebhookSettings,
    "hosts": HostSettings,
    "list_sources": ListSourceSettings,
    "exchanges": ExchangeSettings,
    **{
        name: type(field.default) for name, field in Config.model_fields.items() if isinstance(field.default, BaseModel)
    },
}
POSSIBLE: dict[str, Any] = {
    "zone": "0" * 32, "service": "s", "distribution": "D", "project": "p", "url_map": "m", "hosts": ["*"],
}  # fmt: skip
"""Values of required keys that are no secrets."""
NEEDED_WITH: dict[tuple[str, str], dict[str, Any]] = {
    ("exchanges", "url"): {"type": "tat", "username": "u", "password": HUSH},
    ("exchanges", "password"): {"type": "tat", "username": "u"},
    ("exchanges", "token"): {"type": "threatexchange", "privacy_group": 7},
    ("exchanges", "subscription_key"): {"type": "stopncii", "function_key": HUSH},
    ("exchanges", "function_key"): {"type": "stopncii", "subscription_key": HUSH},
    ("exchanges", "feedback_function_key"): {"type": "stopncii", "subscription_key": HUSH, "function_key": HUSH},
    ("list_sources", "password"): {"username": "u", "location": "http://a.example"},
    ("list_sources", "token"): {"location": "http://a.example"},
    ("list_sources", "signature"): {"public_key": "RWQ4IGJ5dGVzLm3DNPvEHSbR7k7kPCEHUBsrW5Q8M6b0iRn2yVFwQ9cE"},
}
"""By table and key, the keys that it needs besides."""
URLS = {
    "store": f"redis+sentinel://u:{HUSH}@a:1,b:2/s?sentinel_password={HUSH}&password={HUSH}",
    "path": f"/purge?url={{url}}&api_key={HUSH}&access-token={HUSH}",
    "": f"http://u:{HUSH}@a.example",
}


def is_a_secret(model: type[BaseModel], key: str) -> bool:
    return is_secret(model.model_fields[key])


def table(name: str, **values: Any) -> dict[str, Any]:
    """A possible table of the model: its required keys, and `values`."""
    model, found = MODELS[name], {}
    for key, field in model.model_fields.items():
        if not field.is_required():
            continue
        if key == "driver":
            found[key] = name
        elif is_secret(field):
            found[key] = HUSH
        elif key in ("url", "origin"):
            found[key] = "http://a.example"
        else:
            found[key] = 7 if field.annotation is int else POSSIBLE.get(key, "a-name")
    return {**found, **values}


def config_data(name: str, **values: Any) -> dict[str, Any]:
    """Settings with one table."""
    if name in ("webhooks", "hosts", "list_sources", "exchanges"):
        needed = {key: value for each in values for key, value in NEEDED_WITH.get((name, each), {}).items()}
        return {name: [table(name, **{**needed, **values})]}
    return (
        {"caches": [table(name, **values)]} if "driver" in MODELS[name].model_fields else {name: table(name, **values)}
    )


def secrets_of_models() -> Iterator[tuple[str, str]]:
    """(model, key) of every secret that the settings have."""
    for name, model in MODELS.items():
        yield from ((name, key) for key, field in model.model_fields.items() if is_secret(field) and key != "body")


def shown_parts() -> Iterator[tuple[str, str]]:
    """(model, key) of every setting that is a secret or may hold one."""
    for name, model in MODELS.items():
        yield from ((name, key) for key, field in model.model_fields.items() if may_hold_secret(field))


def written(directory: Path, data: dict[str, Any]) -> dict[str, str]:
    """The variables that give these settings."""
    found = {}
    for name, value in data.items():
        if isinstance(value, list):
            found[f"EDGEWARD_{name.upper()}"] = json.dumps(value)
        else:
            for key, text in value.items():
                found[f"EDGEWARD_{name.upper()}__{key.upper()}"] = str(text)
    assert directory.exists()
    return found


@pytest.mark.parametrize(("name", "key"), secrets_of_models())
@pytest.mark.parametrize("content", ["", " ", "\t"])
def test_an_empty_secret_is_refused(
    name: str, key: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a variable or a file is empty: the message names the key, and the variable or file."""
    monkeypatch.setenv("A_SECRET", content)
    (tmp_path / "secret").write_text(content)
    for value, place in (("env:A_SECRET", "A_SECRET"), (f"file:{tmp_path / 'secret'}", str(tmp_path / "secret"))):
        with pytest.raises(ConfigError) as caught:
            load(None, written(tmp_path, config_data(name, **{key: value})))
        message = str(caught.value)
        assert f" {key}: " in message
        assert f"{place!r} is empty" in message


@pytest.mark.parametrize(("name", "key"), secrets_of_models())
def test_a_good_secret_may_be_in_a_place_with_a_short_name(
    name: str, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rules are those of the secret, not of the text that says where it is."""
    monkeypatch.setenv("S", HUSH)
    config = load(None, written(tmp_path, config_data(name, **{key: "env:S"})))
    section = getattr(config, "caches" if "driver" in MODELS[name].model_fields else name)
    found = getattr(section[0], key)
    assert found == HUSH
    assert isinstance(found, Secret)


@pytest.mark.parametrize(
    "secret", ["short", "whsec_", "whsec_AAAA", "whsec_AAAAAAAAAAAAAAAAAAAA", "whsec_!!!!!!!!!!!!!!!!!!!!!"]
)
@pytest.mark.parametrize("place", ["env:SIGNING_KEY_OF_THE_GALLERY", ""])
def test_a_weak_signing_key_is_refused(
    secret: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the name of its variable is. A key in base64 is measured in bytes."""
    monkeypatch.setenv("SIGNING_KEY_OF_THE_GALLERY", secret)
    with pytest.raises(ConfigError, match="secret: ") as caught:
        load(None, written(tmp_path, config_data("webhooks", secret=place or secret)))
    assert secret == "whsec_" or secret not in str(caught.value)


def _url_of(name: str, key: str) -> str:
    return URLS.get(name if key == "url" else key, URLS[""])


@pytest.mark.parametrize(("name", "key"), shown_parts())
def test_nothing_shows_a_secret(
    name: str,
    key: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Neither `config show` in text or JSON, nor the repr of the settings or of the value itself."""
    value = HUSH if is_a_secret(MODELS[name], key) else _url_of(name, key)
    data = config_data(name, **{key: value})
    for variable, text in written(tmp_path, data).items():
        monkeypatch.setenv(variable, text)
    config = load()
    assert HUSH in json.dumps(config.model_dump(mode="json"))
    outputs = [repr(config), str(config), repr(shown(config))]
    for options in ([], ["--json"]):
        assert main(["config", "show", *options]) == 0
        outputs.append(capsys.readouterr().out)
    for output in outputs:
        assert HUSH not in output
        assert MASK in output


WRONG = (HUSH + "\n", [HUSH], {"k": HUSH}, f"ftp://u:{HUSH}@a/b?c", f"http://u:{HUSH}@a:x/b", f"//{HUSH}@[")


@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
def test_no_message_repeats_a_secret(wrong: Any, tmp_path: Path) -> None:
    """Whatever is wrong with it, in any setting."""
    for name, key in [*shown_parts(), ("generic", "headers")]:
        environ = written(tmp_path, config_data(name, **{key: wrong}))
        try:
            load(None, environ)
        except ConfigError as error:
            assert HUSH not in str(error), f"{name} {key}"


@pytest.mark.parametrize("name", ["CACHES", "WEBHOOKS"])
@pytest.mark.parametrize(
    "text", [HUSH, f'"{HUSH}"', f'[{{"secret": "{HUSH}"', f'["{HUSH}"]', f'{{"secret": "{HUSH}"}}', "[[]]"]
)
def test_a_variable_that_is_no_table_is_not_repeated(name: str, text: str) -> None:
    """It may hold a secret anywhere."""
    with pytest.raises(ConfigError, match=name.lower() if text[0] == "[" and text[-1] == "]" else "") as caught:
        load(None, {f"EDGEWARD_{name}": text})
    assert HUSH not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("http://a.example/b?c=d", "http://a.example/b?c=d"),
        ("http://a.example/@b", "http://a.example/@b"),
        ("http://u:p@a", "http://u:***@a"),
        ("http://ghp_token@a", "http://***@a"),
        ("http://:p@a", "http://:***@a"),
        ("redis://u:p@w@h/0", "redis://u:***@h/0"),
        ("/purge?url={url}&token=t&x=1", "/purge?url={url}&token=***&x=1"),
        ("/purge?API_KEY=t#f", "/purge?API_KEY=***#f"),
        ("redis://h?sentinel_password=a&ssl_keyfile=b", "redis://h?sentinel_password=***&ssl_keyfile=***"),
    ],
)
def test_urls_are_shown_without_their_secrets(url: str, hidden: str) -> None:
    """A password, a user that is a token, and parameters named like secrets."""
    assert hide_secrets(url) == hidden
    assert repr(SecretUrl(url)) == repr(hidden)


def test_only_secrets_are_masked() -> None:
    """An empty secret shows that there is none."""
    assert [masked(value) for value in (Secret("x"), Secret(""), "x", 3, None)] == [MASK, "", "x", 3, None]
    assert (repr(Secret("x")), repr(Secret("")), f"{Secret('x')}") == (repr(MASK), "''", "x")


def test_every_key_named_like_a_secret_is_one() -> None:
    """A new setting whose name says that it is a secret has its type."""
    words = {"secret", "token", "password", "credentials", "access_key", "secret_key", "session_token"}
    for model in MODELS.values():
        for key, field in model.model_fields.items():
            if words & {key, key.rpartition("_")[2]}:
                assert is_secret(field), f"{model.__name__}.{key}"
            if "url" in str(field.annotation).lower():
                assert may_hold_secret(field) or not get_args(field.annotation)
