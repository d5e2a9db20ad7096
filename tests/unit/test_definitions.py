"""Feed definitions: what a transport has no use for, or would make unsafe, is told."""

from pathlib import Path

import pytest

from rpzctl import catalogue
from rpzctl.errors import UsageFault

WEB = 'url = "https://feed.example/list"\n'
AXFR = 'url = "axfr://192.0.2.1/feed.rpz"\n'


def read(folder: Path, text: str, form: str = "hosts") -> catalogue.Feed:
    path = folder / "one.toml"
    path.write_text(f'{text}format = "{form}"\nzone = "x"\n')
    return catalogue.read(path)


def fault(folder: Path, text: str, form: str = "hosts") -> str:
    with pytest.raises(UsageFault) as raised:
        read(folder, text, form)
    return "\n".join(raised.value.details)


def test_plain_http_must_be_meant(tmp_path: Path) -> None:
    text = 'url = "http://feed.example/list"\n'
    assert "take https:, or add plain_http = true" in fault(tmp_path, text)
    assert "http" == read(tmp_path, text + "plain_http = true\n").scheme


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WEB + 'user = "me"\n', "user needs secret_env or secret_file"),
        (WEB + 'header = "Auth-Key"\n', "header needs secret_env or secret_file"),
        (WEB + 'secret_env = "A"\nsecret_file = "b"\n', "say secret_env or secret_file, not both"),
        (
            WEB + 'secret_env = "A"\nuser = "me"\nheader = "X-Key"\n',
            "say user or header, not both",
        ),
        (WEB + 'secret_env = "A"\nheader = "Host"\n', "Host is no header for a secret"),
        (WEB + 'secret_env = "A"\nheader = "X: y"\n', "header: "),
        (WEB + 'secret_env = "A"\nuser = "me:you"\n', "user: "),
        (WEB + 'secret_env = "lower"\n', "secret_env: "),
        ('url = "file:list"\nsecret_env = "A"\n', "file: has no secret_env, secret_file"),
        ('url = "file:list"\nbody = "{}"\n', "file: has no body"),
        ('url = "https://me:pw@feed.example/"\n', "holds a password"),
        ('url = "ftp://feed.example/"\n', "begins with none of https:, http:, file:, axfr:"),
        ('url = "https://feed.example:0/"\n', "names port 0"),
        ('url = "https://feed.example:99999/"\n', "url: "),
        ('url = "https://[::1/"\n', "url: "),
    ],
)
def test_what_does_not_fit_together_is_told(tmp_path: Path, text: str, said: str) -> None:
    assert said in fault(tmp_path, text)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("axfr://192.0.2.1/feed.rpz", "192.0.2.1"),
        ("axfr://[2001:db8::1]:5353/feed.rpz.", "2001:db8::1"),
        ("axfr://ns.feed.example:5353/rpz", "ns.feed.example"),
    ],
)
def test_a_zone_transfer_names_server_and_zone(tmp_path: Path, url: str, host: str) -> None:
    assert ("axfr", host) == (
        read(tmp_path, f'url = "{url}"\n', "rpz").scheme,
        read(tmp_path, f'url = "{url}"\n', "rpz").host,
    )


@pytest.mark.parametrize(
    ("text", "form", "said"),
    [
        (AXFR, "hosts", 'a zone transfer is read as format = "rpz"'),
        (AXFR + 'header = "X-Key"\nsecret_env = "A"\n', "rpz", "axfr: has no header"),
        (AXFR + 'member = "x"\n', "rpz", "axfr: has no member"),
        ('url = "axfr://192.0.2.1/"\n', "rpz", "is not axfr://server/zone"),
        ('url = "axfr://192.0.2.1/a/b"\n', "rpz", "is not axfr://server/zone"),
        ('url = "axfr://192.0.2.1/a..b"\n', "rpz", "url: "),
        ('url = "axfr:///feed.rpz"\n', "rpz", "names no host"),
    ],
)
def test_what_a_zone_transfer_has_no_use_for_is_told(
    tmp_path: Path, text: str, form: str, said: str
) -> None:
    assert said in fault(tmp_path, text, form)
