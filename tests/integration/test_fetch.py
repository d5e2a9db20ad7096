"""Fetching, each bound and each fault, against real servers on loopback."""

import base64
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from rpzctl import __version__, formats
from rpzctl.catalogue import Feed
from rpzctl.fetch import Fetched, Limits, Validators, fetch
from rpzctl.fetch.together import fetching
from tests.certificates import authority
from tests.publisher import Publisher, publishing, send

LIST = b"".join(b"0.0.0.0 n%d.bad.example\n" % n for n in range(400))
QUICK = Limits(backoff=0.01)
ONCE = QUICK._replace(retries=0)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing() as made:
        yield made


@pytest.fixture
def other() -> Iterator[Publisher]:
    with publishing() as made:
        yield made


def feed(url: str, folder: Path = Path("/nowhere"), /, **keys: str) -> Feed:
    merged = {"format": "hosts", "zone": "x", "plain_http": True, **keys}
    return Feed.of({"file": folder / "x.toml", "name": "x", "url": url, **merged})


def got(url: str, limits: Limits = ONCE, /, **keys: str) -> Fetched:
    return fetch(feed(url, **keys), Validators(), limits)


def test_what_is_asked_names_rpzctl_and_takes_only_what_is_decoded(publisher: Publisher) -> None:
    assert LIST == got(publisher.gives("/list", LIST)).data
    headers = publisher.asked[0][1]
    assert f"rpzctl/{__version__}" == headers["User-Agent"]
    assert "gzip" == headers["Accept-Encoding"]


def test_an_encoded_answer_is_decoded_and_then_unpacked(publisher: Publisher) -> None:
    import gzip

    assert LIST == got(publisher.encodes("/list", LIST)).data
    assert LIST == got(publisher.encodes("/list.gz", gzip.compress(LIST))).data
    coded = publisher.gives("/zstd", b"x", **{"Content-Encoding": "zstd"})
    assert "is encoded as 'zstd', which was not asked for" == got(coded).fault


def test_an_answer_that_decodes_to_too_much_is_refused(publisher: Publisher) -> None:
    url = publisher.encodes("/bomb", bytes(64 << 20))
    assert "unpacks to more than 1000000 octets" == got(url, ONCE._replace(unpacked=10**6)).fault


def test_a_large_answer_is_refused(publisher: Publisher) -> None:
    url = publisher.gives("/list", LIST)
    assert "more than 1000 octets" == got(url, ONCE._replace(octets=1000)).fault


@pytest.mark.parametrize("head", [False, True])
def test_a_server_that_dribbles_is_left_at_the_deadline(publisher: Publisher, head: bool) -> None:
    url = publisher.dribbles("/slow", LIST, head=head)
    begun = time.monotonic()
    assert "not done within 0.5 s" == got(url, QUICK._replace(seconds=0.5)).fault
    assert time.monotonic() - begun < 2
    assert 1 == publisher.times_asked("/slow"), "it is not tried again when its time is up"


def test_what_may_pass_is_tried_again(publisher: Publisher) -> None:
    assert LIST == got(publisher.recovers("/busy", LIST, 503, 500), QUICK).data
    assert 3 == publisher.times_asked("/busy")
    assert "HTTP status 502" == got(publisher.fails("/down", 502), QUICK).fault
    assert 3 == publisher.times_asked("/down")
    cut = got(publisher.cuts_short("/cut", LIST), QUICK)
    assert cut.fault is not None
    assert "peer closed connection" in cut.fault
    assert 3 == publisher.times_asked("/cut")


def test_what_will_not_pass_is_not_tried_again(publisher: Publisher) -> None:
    for status in (400, 401, 403, 404, 410, 501):
        path = f"/{status}"
        assert f"HTTP status {status}" == got(publisher.fails(path, status), QUICK).fault
        assert 1 == publisher.times_asked(path)


def test_a_publisher_is_left_alone_as_long_as_it_says(publisher: Publisher) -> None:
    soon = publisher.recovers("/soon", LIST, 429, **{"Retry-After": "1"})
    begun = time.monotonic()
    assert LIST == got(soon, QUICK).data
    assert time.monotonic() - begun >= 1
    late = got(publisher.fails("/late", 429, b"", **{"Retry-After": "3600"}), QUICK)
    assert ("HTTP status 429", 3600.0) == (late.fault, late.wait)
    assert 1 == publisher.times_asked("/late")
    dated = {
        "Date": "Tue, 24 Nov 2026 10:00:00 GMT",
        "Retry-After": "Tue, 24 Nov 2026 12:00:00 GMT",
    }

    def answer(request: object) -> None:
        request.send_response_only(503)  # type: ignore[attr-defined]
        for name, value in (*dated.items(), ("Content-Length", "0")):
            request.send_header(name, value)  # type: ignore[attr-defined]
        request.end_headers()  # type: ignore[attr-defined]

    publisher.answers["/dated"] = answer
    assert 7200.0 == got(publisher.url("/dated"), QUICK).wait


def test_no_network_is_told_quickly() -> None:
    begun = time.monotonic()
    assert "the host refuses the connection" == got("http://127.0.0.1:1/list", QUICK).fault
    nowhere = got("https://nowhere.invalid/list", QUICK).fault
    assert nowhere is not None
    assert nowhere.startswith("the host's name has no address: ")
    assert time.monotonic() - begun < 10


def test_redirects_are_followed_so_far_and_no_further(publisher: Publisher) -> None:
    publisher.gives("/5", LIST)
    for hop in range(5):
        publisher.redirects(f"/{hop}", f"/{hop + 1}")
    assert LIST == got(publisher.url("/0")).data
    publisher.redirects("/first", publisher.url("/0"))
    assert "more than 5 redirects" == got(publisher.url("/first")).fault
    assert "more than 5 redirects" == got(publisher.redirects("/loop", "/loop")).fault
    for target in ("file:///etc/passwd", "gopher://x/", "http://[::1/"):
        publisher.redirects("/odd", target)
        fault = got(publisher.url("/odd")).fault
        assert fault is not None
        assert fault.startswith("redirected to ") or "Invalid URL" in fault, (target, fault)
    nowhere = "redirected without saying where to"
    assert nowhere == got(publisher.redirects("/empty", "")).fault


def test_a_secret_never_goes_to_another_host(
    publisher: Publisher, other: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "s3cret")
    far = other.gives("/list", LIST)
    near = publisher.redirects("/near", publisher.redirects("/far", far))
    ways: tuple[dict[str, str], ...] = ({"header": "Auth-Key"}, {"user": "me"}, {})
    for keys in ways:
        publisher.asked.clear()
        other.asked.clear()
        assert LIST == got(near, secret_env="KEY", **keys).data  # noqa: S106
        sent = [headers.get(keys.get("header", "Authorization")) for _, headers in publisher.asked]
        expected = "Basic bWU6czNjcmV0" if "user" in keys else "s3cret"
        assert [expected, expected] == sent
        [(_, headers)] = other.asked
        assert not {"s3cret", "Basic bWU6czNjcmV0"} & set(headers.values())


@pytest.mark.parametrize("keys", [{"header": "X-Key"}, {"user": "me"}, {}])
def test_a_secret_that_a_publisher_says_back_is_neither_told_nor_kept(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch, keys: dict[str, str]
) -> None:
    secret = "Hunter2/and more"  # noqa: S105 - of this test
    monkeypatch.setenv("KEY", secret)
    sent = base64.b64encode(f"me:{secret}".encode()).decode()
    for said in (secret, secret.upper(), quote(secret, safe=""), sent):
        url = publisher.redirects("/to", f"gopher://{said}/")
        fault = got(url, secret_env="KEY", **keys).fault or ""  # noqa: S106
        hidden = said != sent or "user" in keys
        assert hidden == ("(secret)" in fault), fault
        assert hidden == (said not in fault)
        url = publisher.gives("/as", LIST, **{"Content-Encoding": said})
        fault = got(url, secret_env="KEY", **keys).fault or ""  # noqa: S106
        assert hidden == ("'(secret)'" in fault), fault
        url = publisher.gives("/tag", LIST, etag=f'"{said}"', **{"Last-Modified": "x"})
        kept = got(url, secret_env="KEY", **keys).validators  # noqa: S106
        assert (None if hidden else f'"{said}"', "x") == (kept.etag, kept.last_modified)


def test_a_redirect_to_nowhere_is_told(publisher: Publisher) -> None:
    publisher.answers["/bare"] = lambda request: send(request, 302, b"")
    assert "redirected without saying where to" == got(publisher.url("/bare")).fault


def test_a_missing_or_open_secret_is_a_fault_that_never_tells_it(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = publisher.gives("/list", LIST)
    monkeypatch.delenv("NOT_SET", raising=False)
    said = got(url, secret_env="NOT_SET").fault  # noqa: S106
    assert "its secret is missing: set the environment variable NOT_SET" == said
    path = tmp_path / "key"

    def with_file(name: str = "key") -> str:
        return str(fetch(feed(url, tmp_path, secret_file=name), Validators(), ONCE).fault)

    assert f"cannot read its secret from {path}: No such file or directory" == with_file()
    path.write_text("s3cret\n")
    path.chmod(0o644)
    assert f"everybody may read or change its secret: chmod o= {path}" == with_file()
    path.chmod(0o640)
    assert "None" == with_file(), "relative to the definition"
    assert "s3cret" == publisher.asked[-1][1]["Authorization"]
    for bad in (b"s3cret\ntwo", "s3crét".encode(), b"s3\xff", b"  \n", b"s3cret\x00"):
        path.write_bytes(bad)
        assert "s3" not in with_file().replace(str(tmp_path), "")
    assert 1 == publisher.times_asked("/list"), "nothing is asked without its secret"


def test_a_question_is_posted(publisher: Publisher) -> None:
    url = publisher.gives("/api", LIST, etag='"v1"')
    body = '{"query": "get_iocs", "days": 1}'
    posted = fetch(feed(url, body=body), Validators(etag='"v1"'), ONCE)
    assert LIST == posted.data
    headers = publisher.asked[-1][1]
    assert [body.encode()] == publisher.posted
    assert ("application/json", None) == (headers["Content-Type"], headers.get("If-None-Match"))
    publisher.redirects("/moved", url, status=307)
    assert LIST == got(publisher.url("/moved"), body=body).data
    assert [body.encode()] * 3 == publisher.posted


def test_an_unasked_for_not_modified_is_no_copy(publisher: Publisher) -> None:
    assert "HTTP status 304" == got(publisher.fails("/list", 304, b"")).fault


def test_the_usual_variables_name_a_proxy(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.gives("http://feeds.invalid/list", LIST)
    monkeypatch.setenv("http_proxy", publisher.url(""))
    monkeypatch.setenv("no_proxy", "localhost")
    assert LIST == got("http://feeds.invalid/list").data
    monkeypatch.setenv("http_proxy", "gopher://me:s3cret@127.0.0.1:1")
    fault = got("http://feeds.invalid/list").fault
    assert fault is not None
    assert "http_proxy" in fault
    assert "s3cret" not in fault


def test_certificates_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted = authority(tmp_path)
    good = trusted.server("IP:127.0.0.1")
    bad = {
        "self-signed": trusted.server("IP:127.0.0.1", signed=False),
        "not valid for '127.0.0.1'": trusted.server("DNS:else.example"),
        "expired": trusted.server("IP:127.0.0.1", days=0),
    }
    with publishing(good) as publisher:
        url = publisher.gives("/list", LIST)
        assert "the certificate is not trusted" in str(got(url, QUICK).fault)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted.certificate))
        assert LIST == got(url).data
        with publishing() as plain:
            away = publisher.redirects("/away", plain.gives("/list", LIST))
            assert "redirected from https to http" == got(away).fault
            assert LIST == got(plain.redirects("/up", url)).data
    for said, certificate in bad.items():
        with publishing(certificate) as publisher:
            fault = str(got(publisher.gives("/list", LIST), QUICK).fault)
            assert fault.startswith("the certificate is not trusted: "), fault
            assert said in fault
            assert [] == publisher.asked


def test_a_file_is_read_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "list"
    here = feed(path.as_uri())
    assert f"cannot read {path}: No such file or directory" == str(
        fetch(here, Validators(), ONCE).fault
    )
    path.write_bytes(LIST)
    first = fetch(here, Validators(), ONCE)
    assert LIST == first.data
    assert fetch(here, first.validators, ONCE).unchanged
    path.write_bytes(LIST * 2)
    assert LIST * 2 == fetch(here, first.validators, ONCE).data
    assert "more than 10 octets" == fetch(here, Validators(), ONCE._replace(octets=10)).fault
    assert f"{tmp_path} is not a file" == got(tmp_path.as_uri()).fault
    os.mkfifo(tmp_path / "pipe")
    assert "is not a file" in str(got((tmp_path / "pipe").as_uri()).fault)


def test_few_fetches_at_a_time_go_to_one_host(publisher: Publisher, tmp_path: Path) -> None:
    running, most = 0, 0

    def answer(request: object) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        publisher.ended.wait(0.05)
        running -= 1
        send(request, 200, LIST)  # type: ignore[arg-type]

    for number in range(8):
        publisher.answers[f"/{number}"] = answer
    (tmp_path / "list").write_bytes(LIST)
    feeds = [feed(publisher.url(f"/{number}")) for number in range(8)]
    asks = [(each, Validators()) for each in (*feeds, feed((tmp_path / "list").as_uri()))]
    with fetching(asks, QUICK) as results:
        assert LIST == results[-1].result().data, "another host is not held up"
        assert [LIST] * 9 == [result.result().data for result in results]
    assert 2 == most


UUIDS = [f"{n:08x}-7f6b-48ee-b726-400a326ad9b5" for n in range(5)]


def manifest(publisher: Publisher, **events: bytes) -> str:
    """Publish a MISP feed; the later an event stands, the newer it is."""
    for uuid, event in events.items():
        publisher.gives(f"/feed/{uuid}.json", event)
    told = {uuid: {"timestamp": str(100 + n), "Orgc": {}} for n, uuid in enumerate(events)}
    return publisher.gives("/feed/manifest.json", json.dumps(told).encode(), etag='"m1"')


def event(name: str) -> bytes:
    attribute = {"type": "domain", "value": name, "to_ids": True}
    return json.dumps({"Event": {"Attribute": [attribute]}}).encode()


def test_a_misp_manifest_is_followed_to_its_events(publisher: Publisher) -> None:
    events = {uuid: event(f"n{n}.bad.example") for n, uuid in enumerate(UUIDS)}
    url = manifest(publisher, **events)
    first = got(url, format="misp")
    assert first.data is not None
    names = formats.read(first.data, "misp").names["name"].to_list()
    assert [f"n{n}.bad.example" for n in (4, 3, 2, 1, 0)] == names, "the newest first"
    asked = len(publisher.asked)
    again = fetch(feed(url, format="misp"), first.validators, ONCE)
    assert (True, asked + 1) == (again.unchanged, len(publisher.asked))
    small = ONCE._replace(octets=len(event("n0.bad.example")) * 4)
    assert f"more than {small.octets} octets" == got(url, small, format="misp").fault


def test_one_bad_event_keeps_the_whole_feed(publisher: Publisher) -> None:
    url = manifest(publisher, **{uuid: event("a.example") for uuid in UUIDS})
    publisher.fails(f"/feed/{UUIDS[2]}.json", 404)
    assert "HTTP status 404" == got(url, format="misp").fault
    publisher.gives(f"/feed/{UUIDS[2]}.json", b"{")
    assert "event 3 of the manifest is not JSON" == got(url, format="misp").fault
    publisher.gives(f"/feed/{UUIDS[2]}.json", b"[]")
    assert "event 3 of the manifest is no event" == got(url, format="misp").fault


@pytest.mark.parametrize(
    "uuid", ["../../etc/passwd", "https://evil.example/x", "", UUIDS[0] + "\n"]
)
def test_a_manifest_names_events_by_uuid_alone(publisher: Publisher, uuid: str) -> None:
    url = publisher.gives("/manifest.json", json.dumps({UUIDS[0]: {}, uuid: {}}).encode())
    fault = got(url, format="misp").fault
    assert "the manifest names an event by something that is no UUID" == fault
    assert ["/manifest.json"] == [path for path, _ in publisher.asked]


def test_a_manifest_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({UUIDS[0]: {}}))
    (tmp_path / f"{UUIDS[0]}.json").write_bytes(event("here.example"))
    data = got((tmp_path / "manifest.json").as_uri(), format="misp").data
    assert data is not None
    assert ["here.example"] == formats.read(data, "misp").names["name"].to_list()
