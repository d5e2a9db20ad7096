"""Where the program starts and ends: `rpzctl`, `python -m rpzctl`.

The quick lane is a promise of a third of a second, of which Python's collecting of garbage and
its taking down of what it built would be a tenth; a process that ends anyway needs neither.
"""

import gc
import os
import sys


def main() -> None:
    """Run the command line and end the process with its exit code."""
    gc.set_threshold(200_000, 20, 20)
    # What Polars has freed it keeps for ten seconds, a large sync's whole memory; given back at
    # once, it costs that sync a tenth of its time to have the kernel give it anew.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:1000,muzzy_decay_ms:0")
    from rpzctl.cli import run

    status = run(sys.argv[1:])
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # nobody reads it, or the disk is full
        status = status or 1
    os._exit(status)


if __name__ == "__main__":
    main()
