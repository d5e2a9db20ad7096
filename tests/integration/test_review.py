"""What would merging do; a plan that was agreed on; what CI of a policy repo runs."""

import json
import shutil
from pathlib import Path

import pytest

from tests.integration.test_feeds import local
from tests.integration.test_git import Repo, repo
from tests.servers import Site

__all__ = ["repo"]  # the fixture

CASES = """\
[[case]]
name = "payroll.example"
expect = "resolves"
why = "wages"

[[case]]
name = "listed.example"
expect = "blocked"
"""


@pytest.fixture
def branch(repo: Repo) -> Repo:
    """Give a policy repo with a branch that is ahead of main, which went on as well."""
    repo.git("branch", "-M", "main")
    repo.site.ok("block", "common.example")
    repo.git("checkout", "--quiet", "-b", "topic")
    with repo.site.block_list.open("a") as file:
        file.write('added.example reason="`x` | <b>"\n')
    repo.git("commit", "--quiet", "-am", "a rule")
    repo.git("checkout", "--quiet", "main")
    repo.site.ok("block", "later.example")
    repo.git("checkout", "--quiet", "topic")
    return repo


def test_what_merging_would_do(branch: Repo) -> None:
    site = branch.site
    before = (branch.git("status", "--porcelain"), site.current)
    found = site.ok("plan", "--base", "main", "--json").json()
    [zone] = [each for each in found["zones"] if each["status"] != "same"]
    assert zone["added_rows"] == ["added.example nxdomain"]
    assert (zone["removed"], zone["changed"]) == (0, 0), "what main got since is no change"
    assert found["base_commit"] == branch.git("merge-base", "main", "HEAD").strip()
    assert found["head_commit"] == branch.git("rev-parse", "HEAD").strip()
    assert not found["uncommitted"]
    assert (branch.git("status", "--porcelain"), site.current) == before, "nothing changed"
    text = site.ok("plan", "--base", "main", "--markdown").stdout
    assert "| local.rpz | changed | 1 | 0 | 0 | 2 |" in text
    assert "+ added.example nxdomain" in text
    assert "nothing: merging" in site.ok("plan", "--base", "HEAD").stdout


def test_settings_and_feeds_that_merging_would_change(branch: Repo) -> None:
    site = branch.site
    feed = site.repo / "feeds" / "acme.toml"
    feed.parent.mkdir(exist_ok=True)
    feed.write_text(
        'url = "https://lists.example/x.txt"\nformat = "hosts"\nzone = "malware"\nenabled = true\n'
    )
    site.config.write_text(site.config.read_text() + "\n[soa]\nttl = 30\n")
    found = site.ok("plan", "--base", "HEAD", "--json").json()
    assert found["settings"] == [{"key": "soa.ttl", "old": "60", "new": "30"}]
    assert found["feeds"] == [{"feed": "acme", "zone": "malware", "status": "new", "keys": []}]
    assert found["uncommitted"]
    told = site.ok("plan", "--base", "HEAD").stdout
    assert "setting soa.ttl: 60, then 30" in told
    assert "feed acme, group malware: new" in told
    branch.git("add", "-A")
    branch.git("commit", "--quiet", "-m", "a feed")
    feed.write_text(feed.read_text().replace("true", "false"))
    [change] = site.ok("plan", "--base", "HEAD", "--json").json()["feeds"]
    assert change["status"] == "disabled"
    feed.write_text(feed.read_text().replace("false", "true").replace("x.txt", "y.txt"))
    text = site.ok("plan", "--base", "HEAD", "--markdown").stdout
    assert "| acme | malware | changed | url |" in text


def test_a_base_that_cannot_be_read_or_is_none(branch: Repo, tmp_path: Path) -> None:
    site = branch.site
    done = site.cli("plan", "--base", "--upload-pack=x")
    assert (done.status, "is no commit" in done.stderr) == (2, True)
    done = site.cli("plan", "--base", "main", "--out", str(tmp_path / "plan.json"))
    assert done.status == 2
    text = site.block_list.read_text()
    site.block_list.write_text("no rule at all ???\n")
    branch.git("commit", "--quiet", "-am", "broken")
    site.block_list.write_text(text)
    done = site.cli("plan", "--base", "HEAD")
    assert done.status == 2
    assert "the policy at HEAD cannot be read" in done.stderr
    shutil.rmtree(site.repo / ".git")
    assert "not under git's control" in site.cli("plan", "--base", "HEAD").stderr


def test_the_guards_speak_in_a_review(branch: Repo) -> None:
    site = branch.site
    with site.block_list.open("a") as file:
        file.write("co.uk\n")
    text = site.ok("plan", "--base", "HEAD", "--markdown").stdout
    assert "**The guards object**" in text
    assert "co.uk is a public suffix" in text


def test_text_of_a_rule_stays_in_its_place() -> None:
    from rpzctl import markdown
    from rpzctl.git import Head
    from rpzctl.guards import Stop
    from rpzctl.plan import Plan
    from rpzctl.review import Review, SettingChange

    stop = Stop("contradiction", "allow x", "```\n# heading")
    plan = Plan(1, (), (), (), False, (), (stop,))
    setting = SettingChange("sinkhole.contact", "a | b", "<img> `x`")
    text = markdown.review(Review("0" * 40, Head("", dirty=False), plan, (setting,), ()), None)
    assert "````diff\n" in text
    assert "\n# heading" not in text
    assert "| sinkhole.contact | a \\| b | \\<img\\> \\`x\\` |" in text


def test_a_plan_that_was_agreed_on(repo: Repo, tmp_path: Path) -> None:
    site, plan = repo.site, tmp_path / "plan.json"
    with site.block_list.open("a") as file:
        file.write("one.example\n")
    site.ok("plan", "--out", str(plan))
    made = json.loads(plan.read_text())
    assert made["by"]
    with site.block_list.open("a") as file:
        file.write("two.example\n")
    before = site.current
    done = site.cli("apply", "--plan", str(plan))
    assert done.status == 3
    assert "local.rpz would be another" in done.stderr
    assert site.current == before
    site.block_list.write_text(site.block_list.read_text().replace("two.example\n", ""))
    site.ok("apply", "--plan", str(plan))
    assert site.current != before
    done = site.cli("apply", "--plan", str(plan))
    assert done.status == 3
    assert "generation" in done.stderr
    plan.write_text('{"plan": []}')
    assert site.cli("apply", "--plan", str(plan)).status == 2


def test_a_template_that_changed_since_is_another_plan(repo: Repo, tmp_path: Path) -> None:
    site, plan = repo.site, tmp_path / "plan.json"
    own = site.repo / "templates" / "bind" / "options.conf.j2"
    own.parent.mkdir(parents=True)
    own.write_text("# one\n")
    site.ok("plan", "--out", str(plan))
    own.write_text(own.read_text().replace("# one", "# two"))
    assert site.cli("apply", "--plan", str(plan)).status == 3


def test_an_agreed_plan_with_a_feed_zone_that_is_announced_empty(
    site: Site, tmp_path: Path
) -> None:
    local(site, "large", b"".join(b"0.0.0.0 name%d.example\n" % n for n in range(50_001)))
    site.ok("sync", "--no-reload")
    site.ok("feeds", "disable", "large")
    site.ok("apply")
    site.ok("feeds", "enable", "large")
    plan = tmp_path / "plan.json"
    site.ok("plan", "--out", str(plan))
    assert site.ok("apply", "--plan", str(plan), "--json").json()["proven"]
    assert site.answer("name7.example") == "NXDOMAIN"


def test_expectations_fail_a_plan_and_a_check_of_the_repo_alone(repo: Repo) -> None:
    site = repo.site
    cases = site.repo / "policy" / "cases.toml"
    cases.write_text(CASES.partition("\n\n")[0] + "\n")
    assert site.cli("plan").status == 0
    with site.block_list.open("a") as file:
        file.write("payroll.example\n")
    done = site.cli("plan")
    assert done.status == 4
    assert "expected resolves" in done.stdout
    assert "### What" in site.cli("plan", "--markdown").stdout
    assert site.cli("plan", "--json").json()["expectations"]
    assert site.cli("check", "--repo").status == 4


def test_check_in_a_clone_where_nothing_is_published(repo: Repo, tmp_path: Path) -> None:
    repo.site.ok("block", "evil.example")
    clone = tmp_path / "clone"
    repo.git("clone", "--quiet", ".", str(clone))
    text = (clone / "rpzctl.toml").read_text()
    text = text.replace(str(repo.site.home), str(tmp_path / "nowhere"))
    (clone / "rpzctl.toml").write_text(text)
    there = Site(tmp_path / "other", repo.site.named)
    command = ("--config", str(clone / "rpzctl.toml"))
    there.home.mkdir()
    assert repo.site.cli(*command, "check").status == 4, "nothing is published there"
    found = repo.site.ok(*command, "check", "--repo", "--json").json()
    assert found["ok"]
    (clone / "policy" / "cases.toml").write_text(CASES)
    (clone / "feeds").mkdir(exist_ok=True)
    found = repo.site.cli(*command, "check", "--repo", "--json").json()
    assert [each["severity"] for each in found["findings"]] == ["error"]
    (clone / "feeds" / "acme.toml").write_text(
        'url = "https://lists.example/x.txt"\nformat = "hosts"\nzone = "malware"\nenabled = true\n'
    )
    found = repo.site.ok(*command, "check", "--repo", "--json").json()
    assert [each["severity"] for each in found["findings"]] == ["warning"]
    assert not (tmp_path / "nowhere").exists(), "nothing is written"
    with (clone / "policy" / "block.list").open("a") as file:
        file.write("not a name at all ???\n")
    assert repo.site.cli(*command, "check", "--repo").status == 4
