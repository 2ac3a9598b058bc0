"""Whose fault an error of MySQL is: the rows', or the moment's. A mistake here blocks a partition or loses a row.

    OnsaleError
    ├── RowsRefused     these rows will be refused however often they are sent: a record among them is poison
    └── DatabaseAway    the database could not do it now: an outage, nothing to do with the rows

Only what is on the list below is the rows' fault. Everything else is an outage, also what nobody thought of: a
batch that is tried again too often costs time, a good record on the dead-letter topic costs a person.
"""

import pymysql

from chalicelib.errors import OnsaleError

# Names as in the error reference of MySQL 8.0; 4025 is MariaDB's.
_ROWS_AT_FAULT = frozenset(
    {
        1048,  # ER_BAD_NULL_ERROR: NULL in a NOT NULL column
        1062,  # ER_DUP_ENTRY: a unique key that the upsert does not cover
        1118,  # ER_TOO_BIG_ROWSIZE
        1153,  # ER_NET_PACKET_TOO_LARGE: over max_allowed_packet, so it always will be
        1264,  # ER_WARN_DATA_OUT_OF_RANGE: a number too large for its column
        1265,  # WARN_DATA_TRUNCATED: not a value of its column
        1292,  # ER_TRUNCATED_WRONG_VALUE
        1300,  # ER_INVALID_CHARACTER_STRING
        1364,  # ER_NO_DEFAULT_FOR_FIELD
        1366,  # ER_TRUNCATED_WRONG_VALUE_FOR_FIELD: text that is not ASCII in an id
        1406,  # ER_DATA_TOO_LONG
        1451,  # ER_ROW_IS_REFERENCED_2: a foreign key somebody added
        1452,  # ER_NO_REFERENCED_ROW_2
        1644,  # ER_SIGNAL_EXCEPTION: a trigger somebody added says no
        1690,  # ER_DATA_OUT_OF_RANGE: arithmetic out of range
        3140,  # ER_INVALID_JSON_TEXT
        3819,  # ER_CHECK_CONSTRAINT_VIOLATED
        3988,  # ER_IMPOSSIBLE_STRING_CONVERSION
        4025,  # MariaDB ER_CONSTRAINT_FAILED
    }
)

# The outages one meets, for the reader: cannot connect 2002 2003 1040 1129 1203 1226; lost 2006 2013 1053 1077 1152
# 1158 to 1161 1927; lock timeout 1205; deadlock 1213; read-only 1290 1792 1836; disk full 1021 1114; out of memory
# 1037 1038 1041; query stopped 1317 1969 3024; credentials refused 1044 1045 1698; not migrated 1049 1054 1146; and
# errors without any code, such as a broken packet.


class RowsRefused(OnsaleError):
    """At least one of the rows can never be written."""

    def __init__(self, detail: str) -> None:
        super().__init__("rows-refused", detail)


class DatabaseAway(OnsaleError):
    """The database cannot be reached, or cannot take any row at the moment."""

    def __init__(self, detail: str) -> None:
        super().__init__("database-away", detail)


def translated(error: pymysql.err.Error | UnicodeEncodeError | OSError) -> RowsRefused | DatabaseAway:
    """Return what an error means; its detail is the code and the text of the original."""
    if isinstance(error, UnicodeEncodeError):  # a lone surrogate: valid in JSON, in no encoding
        return RowsRefused(f"{error.reason} in {error.object[:100]!r}")
    detail = " ".join(str(part) for part in error.args) or type(error).__name__
    code = error.args[0] if error.args else None
    return RowsRefused(detail) if code in _ROWS_AT_FAULT else DatabaseAway(detail)
