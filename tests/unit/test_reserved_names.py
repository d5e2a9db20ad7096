"""No list of names can say what is a trigger of another kind in a policy zone."""

import pytest

from rpzctl import formats
from rpzctl.names import NameFault, parse, paste

TRIGGERS = (
    "32.1.2.0.192.rpz-ip",
    "8.0.0.0.10.rpz-client-ip",
    "1.0.0.0.0.RPZ-IP",
    "ns.evil.example.rpz-nsdname",
    "24.0.2.0.192.rpz-nsip",
)


@pytest.mark.parametrize("text", TRIGGERS)
def test_a_trigger_is_no_name(text: str) -> None:
    for door in (parse, paste):
        with pytest.raises(NameFault, match="another trigger"):
            door(text)


LISTS = {
    "domains": "{}\n",
    "hosts": "0.0.0.0 {}\n",
    "adblock": "||{}^\n",
    "wildcard": "*.{}\n",
    "dnsmasq": "address=/{}/\n",
    "urls": "http://{}/\n",
    "csv": "{},x\n",
    "unbound": 'local-zone: "{}" always_nxdomain\n',
    "named": 'zone "{}" {{ type primary; file "x"; }};\n',
}


@pytest.mark.parametrize("form", LISTS)
@pytest.mark.parametrize("trigger", TRIGGERS)
def test_no_feed_smuggles_one_in(form: str, trigger: str) -> None:
    names = ("good.example", trigger, "b.rpz-x.example")
    text = "".join(LISTS[form].format(name) for name in names)
    options = formats.Options(column=1) if form == "csv" else formats.Options()
    parsed = formats.read(text.encode(), form, options)
    assert set(parsed.entries["name"]) == {"good.example", "b.rpz-x.example"}
    assert parsed.rejected == 1
    assert [reject.line for reject in parsed.rejects] == [2]
