"""What stands beside rpzctl on a name server: units, a cron line, named.conf, hooks.

The templates are in `deploy/`; they are carried out for the paths of one machine. Those of the
policy repo are not asked: who may write rules may not thereby write what root starts.
"""
