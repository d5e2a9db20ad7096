"""A throw-away authority, and certificates of servers: good ones, and those of bad days."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Authority:
    """An authority that is trusted by whom SSL_CERT_FILE points to `certificate`."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "authority.pem"

    def server(self, name: str, *, days: int = 2, signed: bool = True) -> ssl.SSLContext:
        """Return what a server that calls itself `name` (``IP:`` or ``DNS:``) needs for TLS.

        Signed by itself if not `signed`; expired since yesterday if `days` is 0.
        """
        stem = self.folder / f"{name.replace(':', '-')}-{days}-{signed}"
        key, request, made = (stem.with_suffix(end) for end in (".key", ".csr", ".pem"))
        subject = ("-subj", "/CN=publisher", "-addext", f"subjectAltName={name}")
        fresh = ("req", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), *subject)
        if not signed:
            _openssl(*fresh, "-x509", "-days", "2", "-out", str(made))
        else:
            _openssl(*fresh, "-out", str(request))
            span = ("-days", str(days)) if days else _YESTERDAY
            _openssl(
                *(
                    "x509",
                    "-req",
                    "-in",
                    str(request),
                    "-copy_extensions",
                    "copy",
                    "-out",
                    str(made),
                ),
                *("-CA", str(self.certificate), "-CAkey", str(self.folder / "authority.key")),
                *span,
            )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made, key)
        return context


_YESTERDAY = ("-days", "-1")


def authority(folder: Path) -> Authority:
    """Return a new authority whose files are in `folder`."""
    made = Authority(folder)
    _openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=authority"),
        *("-keyout", str(folder / "authority.key"), "-out", str(made.certificate)),
    )
    return made


def _openssl(*arguments: str) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
