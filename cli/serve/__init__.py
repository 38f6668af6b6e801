"""`clickstats serve`: the same answers over HTTP. Needs the extra `serve`."""
