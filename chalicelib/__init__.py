"""What the HTTP handlers and the Kafka functions share."""
