-- Every event of every sale, append-only: the audit trail. (sale, epoch, version) names one fact for ever;
-- `event` keeps its exact text, so that another fact under the same name is noticed.
CREATE TABLE IF NOT EXISTS sale_events (
  sale_id    VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  epoch      BIGINT UNSIGNED NOT NULL,
  version    BIGINT UNSIGNED NOT NULL,
  type       VARCHAR(32)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  user_id    VARCHAR(255)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'empty in SALE_* events',
  at_ms      BIGINT UNSIGNED NOT NULL COMMENT 'time of the event, ms since 1970 UTC',
  event      MEDIUMTEXT      CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'the value on Kafka',
  written_at DATETIME(3)     NOT NULL COMMENT 'UTC',
  PRIMARY KEY (sale_id, epoch, version)
) ENGINE = InnoDB;
