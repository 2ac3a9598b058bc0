-- What is sold: the definition of each sale, as its latest SALE_CREATED or SALE_CHANGED event told it.
-- No foreign keys point here: events of different keys arrive in any order.
CREATE TABLE IF NOT EXISTS sales (
  sale_id       VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  capacity      INT UNSIGNED    NOT NULL,
  seated        TINYINT(1)      NOT NULL,
  plan_rows     INT UNSIGNED    NOT NULL COMMENT '0 where the seats came from a file',
  seats_per_row INT UNSIGNED    NOT NULL,
  settings      MEDIUMTEXT      CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'JSON object',
  at_ms         BIGINT UNSIGNED NOT NULL COMMENT 'time of the event, ms since 1970 UTC',
  epoch         BIGINT UNSIGNED NOT NULL,
  version       BIGINT UNSIGNED NOT NULL,
  written_at    DATETIME(3)     NOT NULL COMMENT 'UTC',
  PRIMARY KEY (sale_id)
) ENGINE = InnoDB;
