"""Connections to web servers: by proxies, to odd URLs, and none that outlasts its time."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rpzctl.catalogue import Feed
from rpzctl.fetch import Fetched, Limits, Validators, fetch
from tests.certificates import authority
from tests.publisher import Publisher, publishing

LIST = b"0.0.0.0 c2.bad.example\n"
ONCE = Limits(retries=0)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing() as made:
        yield made


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        for each in (name, name.upper()):
            monkeypatch.delenv(each, raising=False)


def got(url: str, limits: Limits = ONCE, **keys: str) -> Fetched:
    merged = {"format": "hosts", "zone": "x", "plain_http": True, **keys}
    feed = Feed.of({"file": Path("/nowhere/x.toml"), "name": "x", "url": url, **merged})
    return fetch(feed, Validators(), limits)


def test_https_goes_through_a_proxy_that_sees_no_more_than_the_host(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = authority(tmp_path)
    proxy = publisher.url("").replace("//", "//me:s3%40cret@")
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted.certificate))
    with publishing(trusted.server("IP:127.0.0.1")) as behind:
        url = behind.gives("/list", LIST)
        assert LIST == got(url).data
        [(path, headers)] = publisher.asked
        assert f"127.0.0.1:{behind.port}" == path
        assert "Basic bWU6czNAY3JldA==" == headers["Proxy-Authorization"]
        assert ["/list"] == [asked for asked, _ in behind.asked]
        assert "Proxy-Authorization" not in behind.asked[0][1]
    with publishing(trusted.server("IP:127.0.0.1", signed=False)) as behind:
        fault = str(got(behind.gives("/list", LIST)).fault)
        assert fault.startswith("the certificate is not trusted: ")
        assert [] == behind.asked


@pytest.mark.parametrize("exempt", ["127.0.0.1", "x.example, 127.0.0.1", "*"])
def test_a_host_that_no_proxy_names_is_asked_directly(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch, exempt: str
) -> None:
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    url = publisher.gives("/list", LIST)
    assert "the host refuses the connection" == got(url).fault
    monkeypatch.setenv("no_proxy", exempt)
    assert LIST == got(url).data


@pytest.mark.parametrize("proxy", ["http://me:s3cret@[", "http://:s3cret@", "socks5://me:s3cret@x"])
def test_a_proxy_that_cannot_be_used_is_told_without_its_password(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    fault = str(got(publisher.gives("/list", LIST)).fault)
    assert fault.startswith("http_proxy, https_proxy, all_proxy, SSL_CERT_FILE")


def test_a_path_goes_over_the_wire_in_ascii(publisher: Publisher) -> None:
    publisher.gives("/l%C3%ADst%20a%2Fb?q=%C3%A9&r=%20", LIST)
    assert LIST == got(publisher.url("/líst%20a%2Fb?q=é&r=%20")).data
    assert LIST == got(publisher.redirects("/to", "/líst a%2Fb?q=é&r=%20")).data
    assert "HTTP status 404" == got(publisher.url("")).fault
    assert "/" == publisher.asked[-1][0]


def test_a_redirect_to_what_is_no_name_is_told(publisher: Publisher) -> None:
    for target in ("http://a..\u00fc/", "http://127.0.0.1:99999/", "http:///x"):
        fault = got(publisher.redirects("/to", target)).fault
        assert fault is not None, target
        assert "Traceback" not in fault


def test_a_server_that_says_nothing_to_tls_is_left_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/list"
        assert "not done within 0.5 s" == got(url, ONCE._replace(seconds=0.5)).fault
        assert time.monotonic() - begun < 3


def test_one_bad_event_ends_those_that_are_waited_for(publisher: Publisher) -> None:
    slow, bad = (f"{n:08x}-7f6b-48ee-b726-400a326ad9b5" for n in range(2))
    told = {uuid: {"timestamp": "100", "Orgc": {}} for uuid in (slow, bad)}
    url = publisher.gives("/feed/manifest.json", json.dumps(told).encode())

    def silent(_: object) -> None:
        publisher.ended.wait(20)

    publisher.answers[f"/feed/{slow}.json"] = silent
    publisher.fails(f"/feed/{bad}.json", 404)
    begun = time.monotonic()
    assert "HTTP status 404" == got(url, format="misp").fault
    assert time.monotonic() - begun < 5
