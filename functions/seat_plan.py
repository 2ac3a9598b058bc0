"""Names the seats of a plan made of rows: A-1, A-2, … Z-10, AA-1, …, best first."""


def row_name(row: int) -> str:
    """Return the letters of a row counted from 0: A … Z, AA, AB …"""
    letters = ""
    row += 1
    while row:
        row, letter = divmod(row - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def seat_ids(rows: int, seats_per_row: int) -> tuple[str, ...]:
    """Return the ids of all seats in plan order."""
    return tuple(f"{name}-{seat}" for name in map(row_name, range(rows)) for seat in range(1, seats_per_row + 1))
