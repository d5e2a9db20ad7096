"""`rpzctl watch`: the policy repo, due feeds and expiries, followed by one long-lived process.

Events of the file system only wake it. Whether something is to be done is told by a signature of
what the policy is made from (`signature`); when, by a schedule (`schedule`). The work is done by a
child, `rpzctl sync`, so that memory stays flat and no fault of the path ends the watcher
(`supervisor`). What came of it is told once (`telling`), to people and to systemd (`notify`).
"""
