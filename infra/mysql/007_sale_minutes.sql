-- What happened in each minute of a sale: events, and the units (tickets) they were about. The minute is that of the
-- event's own time. Only the four types of reservation events count.
CREATE TABLE IF NOT EXISTS sale_minutes (
  sale_id         VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  minute          BIGINT UNSIGNED NOT NULL COMMENT 'minutes since 1970 UTC: FROM_UNIXTIME(60 * minute)',
  reserved        BIGINT UNSIGNED NOT NULL COMMENT 'events',
  confirmed       BIGINT UNSIGNED NOT NULL,
  cancelled       BIGINT UNSIGNED NOT NULL,
  expired         BIGINT UNSIGNED NOT NULL,
  reserved_units  BIGINT UNSIGNED NOT NULL COMMENT 'units of these events',
  confirmed_units BIGINT UNSIGNED NOT NULL,
  cancelled_units BIGINT UNSIGNED NOT NULL,
  expired_units   BIGINT UNSIGNED NOT NULL,
  written_at      DATETIME(3)     NOT NULL COMMENT 'UTC',
  PRIMARY KEY (sale_id, minute)
) ENGINE = InnoDB;

-- The events that sale_minutes has counted, so that none is counted twice. A row of epoch 0 and version 0 says that the
-- sale was put away: its minutes are final, its other rows are gone.
CREATE TABLE IF NOT EXISTS seen (
  sale_id    VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  epoch      BIGINT UNSIGNED NOT NULL,
  version    BIGINT UNSIGNED NOT NULL,
  batch      BIGINT UNSIGNED NOT NULL COMMENT 'the transaction that counted it, by a number drawn for it',
  written_at DATETIME(3)     NOT NULL COMMENT 'UTC',
  PRIMARY KEY (sale_id, epoch, version)
) ENGINE = InnoDB;
