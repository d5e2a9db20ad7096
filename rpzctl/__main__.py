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
    from rpzctl.cli import run

    status = run(sys.argv[1:])
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        status = status or 1
    os._exit(status)


if __name__ == "__main__":
    main()
