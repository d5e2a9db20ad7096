"""The programs that are needed, and the settings."""

from collections.abc import Iterator

from rpzctl import process
from rpzctl.doctor.finding import Finding, NotLooked, fault, ok, warning
from rpzctl.doctor.scene import Scene
from rpzctl.errors import RpzctlError

_OLDEST = (9, 14, 0)
_TRIED = (9, 18, 0)


def configuration(scene: Scene) -> Iterator[Finding]:
    """Read rpzctl.toml.

    Harm: without sound settings no command does anything, and the live policy stays as it is.
    Example: ``prot = 53`` in ``[[resolver]]``; an unknown key is a fault, not a default.
    Reference: docs/reference/configuration.md
    """
    if isinstance(scene.given, RpzctlError):
        for line in scene.given.details or (scene.given.message,):
            init = "run 'rpzctl init DIR', or say --config FILE before the command"
            yield fault(line, "", scene.given.fix or init)
        return
    yield ok("rpzctl.toml is sound", scene.config.file)
    if not scene.config.resolver:
        yield warning(
            "no [[resolver]] is named: changes are published, and never proved live",
            scene.config.file,
            f'in {scene.config.file}, at the end:\n[[resolver]]\nkind = "bind"',
        )


def rules(scene: Scene) -> Iterator[Finding]:
    """Read the rule files.

    Harm: a line that cannot be read stops every block and apply until it is mended.
    Example: ``evil..example`` written by hand into policy/block.list.
    Reference: docs/rule-files.md
    """
    from rpzctl.book import read_book

    try:
        book = read_book(scene.config.repo)
    except RpzctlError as wrong:
        for line in wrong.details or (wrong.message,):
            yield fault(line, scene.config.repo / "policy", wrong.fix or "mend the line")
        return
    yield ok(f"{len(book.rules)} rules can be read", scene.config.repo / "policy")


def feed_definitions(scene: Scene) -> Iterator[Finding]:
    """Read the feed definitions.

    Harm: one that cannot be read stops every sync and apply until it is mended.
    Example: ``zone = "Malware"``, where a zone is lower case.
    Reference: docs/reference/feeds.md
    """
    from rpzctl import catalogue

    folder = scene.config.repo / "feeds"
    try:
        feeds = catalogue.load(scene.config)
    except RpzctlError as wrong:
        for line in wrong.details or (wrong.message,):
            yield fault(line, folder, wrong.fix or "mend the definition")
        return
    enabled = sum(feed.enabled for feed in feeds.values())
    yield ok(f"{len(feeds)} feeds are defined, {enabled} enabled", folder)


def tools(scene: Scene) -> Iterator[Finding]:
    """Look for the programs that are run: rndc, named-checkconf, named-checkzone, git.

    Harm: without rndc no change becomes live; without BIND's checks a broken zone or fragment is
    only found by named itself; without git nothing records who changed the policy.
    Example: a container image with rpzctl and no bind9-utils.
    Reference: BIND 9 ARM: resource requirements and tools
    """
    debian = "install BIND's tools (Debian: apt-get install bind9-utils; Red Hat: bind-utils, bind)"
    missing = {
        "rndc": (fault, "no change can be brought to named", debian),
        "named-checkconf": (warning, "named.conf is not checked before a change", debian),
        "named-checkzone": (warning, "zones are not checked with BIND's own reader", debian),
        "git": (warning, "nothing records who changed what", "apt-get install git"),
    }
    if not isinstance(scene.given, RpzctlError) and not scene.given.resolver:
        missing["rndc"] = (warning, "it is needed as soon as there is a resolver", debian)
    lacking = {program: told for program, told in missing.items() if process.find(program) is None}
    for program, (state, harm, fix) in lacking.items():
        yield state(f"{program} is not installed: {harm}", "PATH", fix)
    if not lacking:
        yield ok(f"{', '.join(missing)} are installed")


def bind_version(scene: Scene) -> Iterator[Finding]:
    """Hold the version of BIND, as installed and as it runs, against what the fragments need.

    Harm: a named that does not know a statement of the fragments does not start again.
    Example: BIND 9.11 does not know ``min-update-interval``, nor ``type primary``.
    Reference: BIND 9 ARM: response policy zones
    """
    looked = 0
    for server in scene.servers:
        found = None
        try:
            from rpzctl.doctor.scene import version

            found = version(server.status.get("version", ""))
        except NotLooked:
            found = scene.installed if server.is_here else None
        if found is None:
            continue
        looked += 1
        text = ".".join(map(str, found))
        if found < _OLDEST:
            yield fault(
                f"BIND {text} is too old: it does not know statements of the fragments",
                server.title,
                "install BIND 9.18 or later",
            )
        elif found < _TRIED:
            yield warning(
                f"BIND {text} is older than what rpzctl is tried with (9.18)",
                server.title,
                "install BIND 9.18 or later",
            )
        else:
            yield ok(f"BIND {text}", server.title)
        installed = scene.installed if server.is_here else None
        if installed and installed != found:
            yield warning(
                f"BIND {text} runs, and {'.'.join(map(str, installed))} is installed",
                server.title,
                "restart named: systemctl restart named",
            )
    if not looked:
        raise NotLooked("named is not installed here, and does not answer rndc")
