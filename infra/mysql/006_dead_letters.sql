-- Records that a function could not apply, with why, and what an operator did about them. A letter is named by where
-- the record came from and by the function that gave it up; it comes once, however often it is delivered.
CREATE TABLE IF NOT EXISTS dead_letters (
  source_topic     VARCHAR(255)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL
                   COMMENT 'outbox:SALE where Kafka never took the record',
  source_partition BIGINT UNSIGNED NOT NULL COMMENT 'the epoch in an outbox',
  source_offset    BIGINT UNSIGNED NOT NULL COMMENT 'the version in an outbox',
  quarantined_by   VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'function; empty if unknown',
  number           BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'order of arrival',
  record_key       LONGBLOB        NULL,
  record_value     LONGBLOB        NULL,
  record_headers   LONGTEXT        CHARACTER SET ascii COLLATE ascii_bin NOT NULL
                   COMMENT 'JSON: [[name, base64 or null], …], without those that the dead-letter topic added',
  value_length     BIGINT UNSIGNED NOT NULL COMMENT 'bytes of the record, also where it was cut',
  is_cut           TINYINT(1)      NOT NULL COMMENT '1 where the record did not fit and is not here whole',
  reason           VARCHAR(64)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  error            TEXT            CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  attempts         INT UNSIGNED    NOT NULL,
  dead_at_ms       BIGINT UNSIGNED NOT NULL COMMENT 'ms since 1970 UTC',
  sale_id          VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'empty where not readable',
  epoch            BIGINT UNSIGNED NOT NULL COMMENT '0 where not readable',
  version          BIGINT UNSIGNED NOT NULL COMMENT '0 where not readable',
  type             VARCHAR(32)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'empty where not readable',
  user_id          VARCHAR(255)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'empty where not readable',
  replay_of        VARCHAR(400)    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL
                   COMMENT 'the letter whose replay failed again; empty if none',
  dlq_place        VARCHAR(300)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'topic-partition-offset',
  state            VARCHAR(16)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL
                   COMMENT 'OPEN, REPLAYED or DISCARDED',
  acted_by         VARCHAR(255)    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'empty while OPEN',
  acted_at         DATETIME(3)     NULL COMMENT 'UTC',
  why              VARCHAR(500)    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  written_at       DATETIME(3)     NOT NULL COMMENT 'UTC',
  PRIMARY KEY (source_topic, source_partition, source_offset, quarantined_by),
  UNIQUE KEY by_number (number),
  KEY by_state (state, number),
  KEY by_sale (sale_id, state, number)
) ENGINE = InnoDB;
