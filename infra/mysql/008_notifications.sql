-- What buyers and the topic were told: one row per message that a provider has taken. Never an address: who may be
-- reached how stands in Redis alone, where it can be erased.
CREATE TABLE IF NOT EXISTS notifications (
  sale_id    VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  epoch      BIGINT UNSIGNED NOT NULL,
  version    BIGINT UNSIGNED NOT NULL COMMENT 'the event that it tells of',
  channel    VARCHAR(8)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'topic, email or sms',
  user_id    VARCHAR(255)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  type       VARCHAR(32)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'of the event',
  language   VARCHAR(8)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'empty for the topic',
  message_id VARCHAR(255)    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'as the provider calls it',
  sent_at    DATETIME(3)     NOT NULL COMMENT 'UTC',
  PRIMARY KEY (sale_id, epoch, version, channel),
  KEY buyer (sale_id, user_id)
) ENGINE = InnoDB;
