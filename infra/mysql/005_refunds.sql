-- Money that has to go back: one row per payment. Whoever pays it back sets `settled_at`; no event ever clears it.
CREATE TABLE IF NOT EXISTS refunds (
  sale_id        VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  payment_id     VARCHAR(255)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  user_id        VARCHAR(255)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  reservation_id VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  reason         VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  due_at_ms      BIGINT UNSIGNED NOT NULL COMMENT 'due since, ms since 1970 UTC',
  epoch          BIGINT UNSIGNED NOT NULL,
  version        BIGINT UNSIGNED NOT NULL,
  written_at     DATETIME(3)     NOT NULL COMMENT 'UTC',
  settled_at     DATETIME(3)     NULL COMMENT 'UTC',
  PRIMARY KEY (sale_id, payment_id)
) ENGINE = InnoDB;
