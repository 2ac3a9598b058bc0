"""The benchmark: each figure beside its limit, both measured in the same run, because machines differ and drift."""
