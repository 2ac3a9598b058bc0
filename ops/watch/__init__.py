"""The dashboard in a terminal: the figures of one sale from the exporter, look after look."""
