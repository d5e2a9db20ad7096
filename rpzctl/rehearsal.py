"""`feeds check`: what a sync would say of feeds. Fetches and judges; keeps nothing."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rpzctl import catalogue, feed_groups, judging, network_guards, sync
from rpzctl.catalogue import Feed
from rpzctl.errors import UsageFault
from rpzctl.fetch import together
from rpzctl.fetch.fetched import Validators
from rpzctl.judging import Judged
from rpzctl.progress import Step
from rpzctl.run import Run
from rpzctl.snapshots import Record


class Rehearsed(NamedTuple):
    """What a sync would make of a feed."""

    feed: Feed
    record: Record
    judged: Judged

    @property
    def fault(self) -> str | None:
        """Why a sync would not take what came."""
        return self.judged.fault

    def text(self) -> str:
        """Return it for people."""
        judged = self.judged
        if judged.fault:
            would = "its last good copy stays" if self.record.sha256 else "there is no good copy"
            return f"{self.feed.name}: {judged.fault}; {would}"
        before = f"now {self.record.size.text()}" if self.record.sha256 else "nothing now"
        holds = judging.told(judged.size, judged.rejected, judged.refused)
        return f"{self.feed.name}: good, {holds} ({before})"

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        judged = self.judged
        return {
            "feed": self.feed.name,
            "fault": judged.fault,
            **judged.size._asdict(),
            "rejected": judged.rejected,
            "announced": judged.announced,
            "networks_refused": dict(judged.reasons),
            "before": self.record.size._asdict() if self.record.sha256 else None,
        }


def rehearse(
    run: Run, names: Sequence[str], tell: Callable[[Rehearsed], None]
) -> tuple[Rehearsed, ...]:
    """Fetch the feeds `names` (all enabled ones if empty), and judge what comes.

    `tell` is called with each as it is judged. Nothing is written; what the publishers said before
    is not asked after, so that all is read. Raises `UsageFault` for a feed that is not defined.
    """
    feeds = catalogue.load(run.config)
    unknown = [name for name in names if name not in feeds]
    if unknown:
        raise UsageFault(
            f"there is no feed {', '.join(unknown)}", fix="'rpzctl feeds list' shows them"
        )
    wanted = [feeds[name] for name in dict.fromkeys(names)]
    wanted = wanted or [feed for feed in feeds.values() if feed.enabled]
    store = feed_groups.snapshots(run.config)
    known = network_guards.known(shipped=run.config.guards.shipped)
    run.stage(f"fetching {len(wanted)} feeds")
    done = []
    asks = [(feed, Validators()) for feed in wanted]
    with together.fetching(asks, sync.limits(run.config), run.progress) as coming:
        for feed, fetched in zip(wanted, coming, strict=True):
            record = store.record(feed.name)
            got = fetched.result()
            run.progress.feed(feed.name, Step.READING)
            judged = (
                Judged(fault=got.fault)
                if got.data is None
                else judging.judge(feed, record, got.data, int(run.now.timestamp()), known)
            )
            run.progress.feed(feed.name, Step.FAILED if judged.fault else Step.DONE)
            done.append(Rehearsed(feed, record, judged._replace(parsed=None)))  # large
            tell(done[-1])
    return tuple(done)
