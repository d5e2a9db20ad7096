"""What can be put in place: by name, with its files, and what has to be done after."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from rpzctl import shipped
from rpzctl.deployment.machine import Machine
from rpzctl.errors import UsageFault

_PUBLIC = 0o644
_PROGRAM = 0o755
USUAL = ("sysusers", "tmpfiles", "logrotate", "watch")
"""what is installed when nothing is named"""


class File(NamedTuple):
    """A file below `deploy/`, and where it goes. Braces name one of `Machine.places`."""

    source: str
    target: str
    mode: int = _PUBLIC
    drawn: bool = True
    """a template; else it goes as it is"""


class Part(NamedTuple):
    """Something that is put in place as a whole."""

    name: str
    what: str
    """in a line"""
    files: tuple[File, ...]
    after: tuple[str, ...]
    """commands and advice for people"""

    def placed(self, machine: Machine) -> Iterator[tuple[File, Path]]:
        """Give each file with its place on `machine`."""
        places = machine.places
        for file in self.files:
            yield file, Path(file.target.format_map(places))

    def then(self, machine: Machine) -> list[str]:
        """Return what has to be done on `machine` after it is in place."""
        places = {key: shlex.quote(place) for key, place in machine.places.items()}
        return [line.format_map(places) for line in self.after]


def _unit(*names: str) -> tuple[File, ...]:
    return tuple(File(f"systemd/{name}.j2", f"/etc/systemd/system/{name}") for name in names)


def _tree(source: str, target: str) -> tuple[File, ...]:
    folder = shipped.folder("deploy") / source
    found = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return tuple(File(f"{source}/{path}", f"{target}/{path}", drawn=False) for path in found)


_RELOAD = "systemctl daemon-reload"
_NAMED_LOGS = (File("tmpfiles/rpzctl-named.conf.j2", "/etc/tmpfiles.d/rpzctl-named.conf"),)
_NAMED_LOGS_MADE = "systemd-tmpfiles --create rpzctl-named.conf"


def known() -> Mapping[str, Part]:
    """Return all parts by name, in the order in which they are put in place."""
    return MappingProxyType({part.name: part for part in (*_machine(), *_named(), *_team())})


def _machine() -> tuple[Part, ...]:
    return (
        Part(
            "sysusers",
            "the user that rpzctl runs as, in named's group",
            (File("sysusers/rpzctl.conf.j2", "/etc/sysusers.d/rpzctl.conf"),),
            ("systemd-sysusers rpzctl.conf",),
        ),
        Part(
            "tmpfiles",
            "that user's folders: output and state",
            (File("tmpfiles/rpzctl.conf.j2", "/etc/tmpfiles.d/rpzctl.conf"),),
            ("systemd-tmpfiles --create rpzctl.conf",),
        ),
        Part(
            "logrotate",
            "the audit log does not grow for ever",
            (File("logrotate/rpzctl.j2", "/etc/logrotate.d/rpzctl"),),
            (),
        ),
        Part(
            "watch",
            "one long-lived process: rule files, feeds that are due, what expires",
            _unit("rpzctl-watch.service"),
            (_RELOAD, "systemctl enable --now rpzctl-watch.service"),
        ),
        Part(
            "sync",
            "a timer in its place: every five minutes",
            _unit("rpzctl-sync.service", "rpzctl-sync.timer"),
            (_RELOAD, "systemctl enable --now rpzctl-sync.timer"),
        ),
        Part(
            "path",
            "beside that timer: rule files bite when they change",
            _unit("rpzctl-apply.service", "rpzctl-apply.path"),
            (_RELOAD, "systemctl enable --now rpzctl-apply.path"),
        ),
        Part(
            "pull",
            "a timer: git pull, then as sync",
            _unit("rpzctl-pull.service", "rpzctl-pull.timer"),
            (_RELOAD, "systemctl enable --now rpzctl-pull.timer"),
        ),
        Part(
            "cron",
            "every five minutes, where there is no systemd",
            (File("cron/rpzctl.j2", "/etc/cron.d/rpzctl"),),
            ("# cron takes it up by itself, within a minute",),
        ),
    )


def _named() -> tuple[Part, ...]:
    return (
        Part(
            "apparmor",
            "named may read an output folder outside /var/lib/bind",
            (File("apparmor/rpzctl-named.j2", "/etc/apparmor.d/local/rpzctl-named"),),
            (
                "echo '#include <local/rpzctl-named>' >>/etc/apparmor.d/local/usr.sbin.named",
                "apparmor_parser -r /etc/apparmor.d/usr.sbin.named",
            ),
        ),
        Part(
            "resolver",
            "a hardened named.conf to compare with yours: resolver with policy",
            (File("named/resolver.conf.j2", "{named}/named.conf.rpzctl-resolver"), *_NAMED_LOGS),
            (
                _NAMED_LOGS_MADE,
                "# put your own networks into its acl clients, then:",
                "named-checkconf {named}/named.conf.rpzctl-resolver",
            ),
        ),
        Part(
            "hidden-primary",
            "the same for a primary that resolvers transfer the zones from",
            (
                File("named/hidden-primary.conf.j2", "{named}/named.conf.rpzctl-hidden-primary"),
                File(
                    "named/hidden-primary.zones.conf.j2",
                    "{repo}/templates/bind/zones.conf.j2",
                    drawn=False,
                ),
                *_NAMED_LOGS,
            ),
            (
                _NAMED_LOGS_MADE,
                "tsig-keygen rpz-transfer >{named}/rpz-transfer.key",
                "chmod 640 {named}/rpz-transfer.key && chgrp {group} {named}/rpz-transfer.key",
                "# put the resolvers' addresses into it, then:",
                "named-checkconf {named}/named.conf.rpzctl-hidden-primary",
            ),
        ),
    )


def _team() -> tuple[Part, ...]:
    return (
        Part(
            "post-receive",
            "a hook of the policy repo: what is pushed to it is applied",
            (File("git/post-receive.j2", "{hooks}/post-receive", _PROGRAM),),
            ("git -C {repo} config receive.denyCurrentBranch updateInstead",),
        ),
        Part(
            "github",
            "GitHub Actions: check and plan of a pull request",
            (File("ci/github-actions.yml", "{repo}/.github/workflows/policy.yml", drawn=False),),
            ("# commit it to the policy repo",),
        ),
        Part(
            "gitlab",
            "GitLab CI: check and plan of a merge request",
            (File("ci/gitlab-ci.yml", "{repo}/.gitlab-ci.yml", drawn=False),),
            ("# commit it to the policy repo",),
        ),
        Part(
            "prometheus",
            "alerts on the metrics that rpzctl writes",
            (File("prometheus/rpzctl.rules.yml", "/etc/prometheus/rpzctl.rules.yml", drawn=False),),
            ("# rule_files in prometheus.yml: /etc/prometheus/rpzctl.rules.yml",),
        ),
        Part(
            "grafana",
            "a dashboard of the same",
            (File("grafana/rpzctl.json", "/var/lib/grafana/dashboards/rpzctl.json", drawn=False),),
            ("# a provider of dashboards reads that folder, or import the file",),
        ),
        Part(
            "ansible",
            "a role that sets up a name server with rpzctl",
            _tree("ansible/roles/rpzctl", "/etc/ansible/roles/rpzctl"),
            ("# its variables: /etc/ansible/roles/rpzctl/defaults/main.yml",),
        ),
        Part(
            "container",
            "named and rpzctl in containers",
            _tree("container", "/usr/local/share/rpzctl/container"),
            ("# how: /usr/local/share/rpzctl/container/README.md",),
        ),
    )


def chosen(names: Sequence[str]) -> list[Part]:
    """Return the parts `names`, in the order of `known`. Raises `UsageFault` for an unknown one."""
    parts = known()
    for name in names:
        if name not in parts:
            near = get_close_matches(name, parts, 1)
            raise UsageFault(
                f"there is nothing called {name!r} to deploy",
                fix=f"did you mean {near[0]}?" if near else f"known: {', '.join(parts)}",
            )
    return [part for name, part in parts.items() if name in names]
