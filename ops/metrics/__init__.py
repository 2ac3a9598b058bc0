"""What a stack says of itself to Prometheus: an exporter, and the counts that its processes keep for it."""
