"""rpzctl: DNS policy that is provably live on the resolver."""

__version__ = "0.1.0"
