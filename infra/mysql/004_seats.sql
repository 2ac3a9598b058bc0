-- The seats that were ever taken: who holds each, with a version of its own. A seat given back stays, as FREE.
CREATE TABLE IF NOT EXISTS seats (
  sale_id        VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  seat_id        VARCHAR(32)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  state          VARCHAR(16)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'FREE, HELD or CONFIRMED',
  user_id        VARCHAR(255)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'the holder; empty when FREE',
  reservation_id VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'empty when FREE',
  epoch          BIGINT UNSIGNED NOT NULL,
  version        BIGINT UNSIGNED NOT NULL,
  written_at     DATETIME(3)     NOT NULL COMMENT 'UTC',
  PRIMARY KEY (sale_id, seat_id)
) ENGINE = InnoDB;
