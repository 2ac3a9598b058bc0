-- The latest reservation of each buyer. One that ended stays as a tombstone with its version, so that an older
-- event that comes late cannot bring a ticket back.
CREATE TABLE IF NOT EXISTS purchases (
  sale_id        VARCHAR(64)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  user_id        VARCHAR(255)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  reservation_id VARCHAR(64)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status         VARCHAR(16)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL
                 COMMENT 'HELD, CONFIRMED, CANCELLED or EXPIRED',
  quantity       SMALLINT UNSIGNED NOT NULL,
  seat_ids       VARCHAR(1024)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL
                 COMMENT 'comma-separated; empty in a counted sale',
  payment_id     VARCHAR(255)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'empty where none',
  deadline_ms    BIGINT UNSIGNED  NOT NULL COMMENT 'end of the hold, ms since 1970 UTC; 0 unless HELD',
  reason         VARCHAR(64)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'why it ended',
  at_ms          BIGINT UNSIGNED  NOT NULL COMMENT 'time of the event, ms since 1970 UTC',
  epoch          BIGINT UNSIGNED  NOT NULL,
  version        BIGINT UNSIGNED  NOT NULL,
  written_at     DATETIME(3)      NOT NULL COMMENT 'UTC',
  PRIMARY KEY (sale_id, user_id)
) ENGINE = InnoDB;
