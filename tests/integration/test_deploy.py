"""Units, cron line, baselines, hooks: drawn for a site's paths, and read by what they are for."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rpzctl.deployment import parts, quoting
from rpzctl.errors import UsageFault
from tests.asking import ask
from tests.integration.test_git import Repo, repo
from tests.servers import Site, bare_site, find, until

__all__ = ["repo"]  # the fixture


def tool(name: str) -> str:
    """Return the path of a program that a machine may lack."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def ran(*argv: str, cwd: Path | None = None) -> str:
    """Run what must succeed, and return all that it wrote."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=cwd, timeout=120)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a tree that stands for /, with what systemd and named's group need."""
    root = tmp_path / "tree"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "group").write_text("root:x:0:\nbind:x:101:\n")
    (root / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    return root


def install(site: Site, tree: Path, *what: str) -> list[str]:
    done = site.ok("deploy", "install", "--root", str(tree), "--json", *what).json()
    return [str(Path(path).relative_to(tree)) for path in done["written"]]


def below(tree: Path, path: Path) -> Path:
    """Return where the tree has the absolute path `path`."""
    return tree / path.relative_to("/")


def private(site: Site, text: str) -> str:
    """Return a named.conf with what a test may not do taken out.

    It would listen on all addresses, and write where the system's named does.
    """
    port, home = site.named.port, str(site.home)
    text = text.replace(f"listen-on-v6 port {port} {{ any; }};", "listen-on-v6 { none; };")
    text = text.replace("{ any; };", "{ 127.0.0.1; };").replace("/var/log/named", home)
    own = f'directory "{home}"; pid-file none; session-keyfile none;'
    return text.replace('directory "/var/cache/bind";', own)


def test_what_is_there_is_told_and_installed_once(tmp_path: Path, tree: Path) -> None:
    site = bare_site(tmp_path / "site")
    shown = site.ok("deploy", "show").stdout
    assert all(name in shown for name in parts.known())
    assert "ExecStart=" in site.ok("deploy", "show", "watch").stdout
    dry = site.ok("deploy", "install", "--root", str(tree), "--dry-run")
    assert "would write" in dry.stdout
    assert not (tree / "etc/systemd").exists()
    written = install(site, tree)
    assert "etc/systemd/system/rpzctl-watch.service" in written
    assert install(site, tree) == [], "what is in place stays"
    done = site.cli("deploy", "install", "nonsense")
    assert (done.status, "nothing called" in done.stderr) == (2, True)


def test_what_was_edited_stays_and_what_is_old_is_replaced(tmp_path: Path, tree: Path) -> None:
    site = bare_site(tmp_path / "site")
    install(site, tree, "sync", "cron")
    unit = tree / "etc/systemd/system/rpzctl-sync.service"
    cron = tree / "etc/cron.d/rpzctl"
    ours = unit.read_bytes(), cron.read_bytes()
    unit.write_text(unit.read_text().replace("Nice=5", "Nice=7"))
    shown = site.ok("deploy", "show", "--root", str(tree), "--json").json()["parts"]
    states = {part["name"]: {file["state"] for file in part["files"]} for part in shown}
    assert (states["sync"], states["cron"]) == ({"edited", "same"}, {"same"})
    done = site.cli("deploy", "install", "--root", str(tree), "sync", "cron", "--user", "other")
    assert done.status == 3
    assert "-Nice=7" in done.stderr
    assert cron.read_bytes() == ours[1], "all or none"
    unit.write_bytes(ours[0])
    site.ok("deploy", "install", "--root", str(tree), "sync", "cron", "--user", "other")
    assert b" other umask" in cron.read_bytes()
    unit.write_text("mine\n")
    site.ok("deploy", "install", "--root", str(tree), "sync", "--force")
    assert b"User=rpzctl" in unit.read_bytes()


def test_units_may_write_what_the_settings_name(tmp_path: Path) -> None:
    site = bare_site(tmp_path / "site")
    text = site.config.read_text()
    own = '[metrics]\nfile = "/srv/prom/rpzctl.prom"\n[audit]\nfile = "/srv/log/audit.jsonl"\n'
    site.config.write_text(own + text)
    unit = site.ok("deploy", "show", "watch").stdout
    for folder in (str(site.output), "/srv/prom", "/srv/log"):
        assert f"ReadWritePaths=-{folder}\n" in unit
    assert '"/srv/log/audit.jsonl" {' in site.ok("deploy", "show", "logrotate").stdout


def test_nothing_is_written_outside_the_tree(tmp_path: Path, tree: Path) -> None:
    site = bare_site(tmp_path / "site")
    (tree / "etc/cron.d").symlink_to(tmp_path)
    done = site.cli("deploy", "install", "--root", str(tree), "cron")
    assert done.status == 2
    assert "leads out of" in done.stderr
    assert not (tmp_path / "rpzctl").exists()


@pytest.mark.parametrize("name", ["plain", "odd name 100% $HOME"])
def test_systemd_takes_the_units(tmp_path: Path, tree: Path, name: str) -> None:
    analyze = tool("systemd-analyze")
    site = bare_site(tmp_path / name)
    install(site, tree, "watch", "sync", "path", "pull")
    units = sorted((tree / "etc/systemd/system").iterdir())
    assert len(units) == 7
    # The services that one of them starts are looked for beside it.
    said = ran(analyze, "verify", "--man=no", *map(str, units), cwd=units[0].parent)
    assert "rpzctl" not in said
    text = (tree / "etc/systemd/system/rpzctl-sync.service").read_text()
    security = subprocess.run(
        [
            analyze,
            "security",
            "--offline=yes",
            str(tree / "etc/systemd/system/rpzctl-sync.service"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Overall exposure level" in security.stdout:
        level = float(security.stdout.split("Overall exposure level")[1].split(":")[1].split()[0])
        assert level < 2.5, security.stdout
    assert "ProtectSystem=strict" in text


def test_users_and_folders_are_made(tmp_path: Path, tree: Path) -> None:
    sysusers, tmpfiles = tool("systemd-sysusers"), tool("systemd-tmpfiles")
    site = bare_site(tmp_path / "site")
    for folder in (site.output, site.state):
        below(tree, folder).parent.mkdir(parents=True, exist_ok=True)
    install(site, tree, "sysusers", "tmpfiles")
    ran(sysusers, f"--root={tree}", str(tree / "etc/sysusers.d/rpzctl.conf"))
    assert "rpzctl:" in (tree / "etc/passwd").read_text()
    bind = next(x for x in (tree / "etc/group").read_text().splitlines() if x.startswith("bind:"))
    assert bind.endswith("rpzctl")
    if os.geteuid() == 0:
        ran(tmpfiles, f"--root={tree}", "--create", "rpzctl.conf")
        made = below(tree, site.output).stat()
        assert (made.st_mode & 0o7777, made.st_gid) == (0o2750, 101)


def test_logs_are_rotated(tmp_path: Path, tree: Path) -> None:
    logrotate = tool("logrotate")
    import grp
    import pwd

    if pwd.getpwuid(os.geteuid()).pw_name != grp.getgrgid(os.getegid()).gr_name:
        pytest.skip("this user has no group of its own name")
    site = bare_site(tmp_path / "site")
    user = pwd.getpwuid(os.geteuid()).pw_name
    install(site, tree, "logrotate", "--user", user)
    log = site.state / "audit.jsonl"
    before = log.read_text()
    log.parent.chmod(0o750)
    conf = tree / "etc/logrotate.d/rpzctl"
    ran(logrotate, "--force", "--state", str(tmp_path / "state"), str(conf))
    assert log.read_text() == ""
    assert [p.read_text() for p in log.parent.glob("audit.jsonl-*")] == [before]
    assert [each["what"] for each in site.ok("audit", "--json").json()["entries"]] == ["init"]


def test_the_cron_line_as_cron_runs_it(site: Site, tree: Path) -> None:
    install(site, tree, "cron")
    lines = (tree / "etc/cron.d/rpzctl").read_text().splitlines()
    [line] = [each for each in lines if each.startswith("*/5")]
    command = line.split(maxsplit=6)[6].replace("\\%", "%")
    path = next(each for each in lines if each.startswith("PATH="))
    with site.block_list.open("a") as file:
        file.write("evil.example\n")
    environment = {"PATH": path.partition("=")[2], "HOME": str(site.home), "LOGNAME": "x"}
    done = subprocess.run(
        ["/bin/sh", "-c", command], env=environment, capture_output=True, check=False, cwd="/"
    )
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    assert site.answer("evil.example") == "NXDOMAIN"


def test_a_resolver_with_the_hardened_named_conf(tmp_path: Path, tree: Path) -> None:
    find("named")
    site = bare_site(tmp_path / "site")
    site.named.prepare()
    install(site, tree, "resolver")
    text = below(tree, site.home / "named.conf.rpzctl-resolver").read_text()
    site.named.conf.write_text(text.replace("/var/log/named", str(site.home)))
    ran(find("named-checkconf"), str(site.named.conf))
    internet = f'zone "." {{ type primary; file "{site.home}/internet.zone"; }};\n'
    site.named.conf.write_text(private(site, text) + internet)
    site.named.start()
    try:
        assert "live" in site.ok("block", "evil.example").stdout
        assert site.answer("evil.example") == "NXDOMAIN"
        port = str(site.named.port)
        said = ran(find("dig"), "@127.0.0.1", "-p", port, "+short", "CH", "TXT", "version.bind")
        assert said == "", "nobody is told the version"
        assert "rewrite evil.example" in site.named.log(), "-g has all logs go there"
        assert site.ok("doctor", "--only", "includes", "--only", "view-policy").status == 0
    finally:
        site.named.stop()


def test_a_hidden_primary_and_a_resolver_that_transfers(tmp_path: Path, tree: Path) -> None:
    find("named")
    primary = bare_site(tmp_path / "primary")
    other = bare_site(tmp_path / "other")
    for each in (primary, other):
        each.named.prepare()
    folder = primary.named.home
    install(primary, tree, "hidden-primary")
    made = below(tree, primary.repo / "templates/bind/zones.conf.j2")
    primary.template("zones.conf.j2", made.read_text())
    key = subprocess.run([find("tsig-keygen"), "rpz-transfer"], check=True, capture_output=True)
    (folder / "rpz-transfer.key").write_bytes(key.stdout)
    text = below(tree, folder / "named.conf.rpzctl-hidden-primary").read_text()
    text = text.replace("127.0.0.1 port 53 key", f"127.0.0.1 port {other.named.port} key")
    primary.named.conf.write_text(private(primary, text))
    primary.ok("apply", "--no-reload")
    ran(find("named-checkconf"), str(primary.named.conf))
    other.named.configure(
        'response-policy { zone "local.rpz"; } qname-wait-recurse no; masterfile-format text;',
        f'include "{folder}/rpz-transfer.key";\n'
        'zone "local.rpz" { type secondary; file "local.rpz"; '
        f'primaries {{ 127.0.0.1 port {primary.named.port} key "rpz-transfer"; }}; '
        "allow-notify { 127.0.0.1; }; };\n",
    )
    with primary.block_list.open("a") as file:
        file.write("evil.example\n")
    primary.ok("apply", "--no-reload")
    log = (folder / "named.log").open("ab")
    primary.named.child = subprocess.Popen(
        [primary.named._binary(), "-g", "-c", str(primary.named.conf)], stdout=log, stderr=log
    )
    try:
        port = primary.named.port
        until(lambda: ask(port, "x.example") != "no answer", "the primary answers", 20)
        assert ask(port, "evil.example") == "REFUSED", "it resolves for nobody"
        other.named.start()
        until(lambda: other.answer("evil.example") == "NXDOMAIN", "the policy is transferred", 20)
    finally:
        other.named.stop()
        primary.named.stop()
        log.close()


def test_what_is_pushed_is_applied(repo: Repo, tmp_path: Path) -> None:
    site = repo.site
    done = site.ok("deploy", "install", "post-receive", "--json").json()
    assert done["written"] == [str(site.repo / ".git/hooks/post-receive")]
    repo.git("config", "receive.denyCurrentBranch", "updateInstead")
    clone = tmp_path / "clone"
    repo.git("clone", "--quiet", ".", str(clone))
    before = site.current
    with (clone / "policy/block.list").open("a") as file:
        file.write("evil.example\n")
    ran("git", "commit", "--quiet", "-am", "block", cwd=clone)
    said = ran("git", "push", "--quiet", cwd=clone)
    assert "local.rpz" in said, "whoever pushes sees what it did"
    assert site.current != before
    with (clone / "policy/block.list").open("a") as file:
        file.write("no rule at all ???\n")
    ran("git", "commit", "--quiet", "-am", "broken", cwd=clone)
    pushed = subprocess.run(["git", "push"], cwd=clone, capture_output=True, text=True, check=False)
    assert "NOT APPLIED" in pushed.stderr
    ran("git", "branch", "topic", cwd=clone)
    assert "rpzctl" not in ran("git", "push", "--quiet", "origin", "topic", cwd=clone)


def test_ansible_takes_the_role(tmp_path: Path, tree: Path) -> None:
    playbook = tool("ansible-playbook")
    site = bare_site(tmp_path / "site")
    install(site, tree, "ansible")
    play = tree / "etc/ansible/play.yml"
    play.write_text("- hosts: localhost\n  roles: [rpzctl]\n")
    said = ran(playbook, "--syntax-check", "-i", "localhost,", str(play))
    assert "WARNING" not in said.replace("[WARNING]: provided hosts", "")
    units = set((tree / "etc/ansible/roles/rpzctl/defaults/main.yml").read_text().split("[")[1])
    assert units


def test_scripts_are_scripts_and_ci_calls_what_there_is(tmp_path: Path, tree: Path) -> None:
    site = bare_site(tmp_path / "site")
    install(site, tree, "container", "github", "gitlab", "post-receive")
    ran("sh", "-n", str(tree / "usr/local/share/rpzctl/container/start"))
    ran("sh", "-n", str(below(tree, site.repo / ".git/hooks/post-receive")))
    for name in (".github/workflows/policy.yml", ".gitlab-ci.yml"):
        text = below(tree, site.repo / name).read_text()
        assert "rpzctl check --repo\n" in text
        assert "rpzctl plan --base" in text
    site.ok("check", "--repo")


def test_the_roles_defaults_name_parts_that_there_are() -> None:
    from rpzctl import shipped

    text = (shipped.folder("deploy") / "ansible/roles/rpzctl/defaults/main.yml").read_text()
    [line] = [each for each in text.splitlines() if each.startswith("rpzctl_units:")]
    named = line.partition("[")[2].rstrip("]").split(", ")
    assert parts.chosen(named)


def test_named_may_read_output_elsewhere(tmp_path: Path, tree: Path) -> None:
    parser = tool("apparmor_parser")
    site = bare_site(tmp_path / "site")
    install(site, tree, "apparmor")
    rules = (tree / "etc/apparmor.d/local/rpzctl-named").read_text()
    assert f'"{site.output}/**" r,' in rules
    profile = tmp_path / "profile"
    profile.write_text(f"profile tried /usr/sbin/named-tried {{\n{rules}}}\n")
    ran(parser, "--skip-kernel-load", "--skip-cache", str(profile))


def test_the_units_of_another_kind_of_resolver(tmp_path: Path) -> None:
    site = bare_site(tmp_path / "site")
    text = site.config.read_text().partition("[[resolver]]")[0]
    site.config.write_text(text + '[[resolver]]\nkind = "unbound"\n')
    unit = site.ok("deploy", "show", "sync").stdout
    assert "After=network-online.target unbound.service" in unit
    assert "SupplementaryGroups=unbound" in unit
    assert json.loads(site.ok("deploy", "show", "sync", "--json").stdout)["parts"]


@pytest.mark.parametrize(
    ("write", "given", "meant"),
    [
        (quoting.listed, "/a b%c", '"/a b%%c"'),
        (quoting.listed, 'q"\\', '"q\\"\\\\"'),
        (quoting.command, ["/x", "$HOME", "a;b"], '/x $$HOME "a;b"'),
        (quoting.shell, ["/x", "a'b"], "/x 'a'\"'\"'b'"),
        (quoting.crontab, "date +%s", "date +\\%s"),
        (quoting.whole_line, "/a b%", "/a b%%"),
    ],
)
def test_words_are_written_as_their_reader_takes_them(
    write: Callable[[Any], str],
    given: Any,  # noqa: ANN401 - words, or a list of them
    meant: str,
) -> None:
    assert write(given) == meant


@pytest.mark.parametrize(
    ("write", "given"),
    [
        (quoting.plain, "a\nb"),
        (quoting.whole_line, " a"),
        (quoting.home, "/a:b"),
        (quoting.literal, "/a*"),
    ],
)
def test_what_a_reader_would_take_for_something_else_is_refused(
    write: Callable[[Any], str], given: str
) -> None:
    with pytest.raises(UsageFault):
        write(given)
