"""The sale over Redis: waiting room, stock, holds and the outbox. Knows nothing of HTTP, Kafka or MySQL."""
