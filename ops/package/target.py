"""What is built for: a Python and an architecture, in the words of Lambda and of pip."""

from dataclasses import dataclass

from chalicelib.errors import FieldError, InvalidRequest

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
ARCHITECTURES = tuple(_MACHINES)
# The C library of Lambda's operating system bounds the wheels: Amazon Linux 2 up to Python 3.11, 2023 from 3.12 on.
# confluent-kafka has no wheel for the older one, so 3.11 is for emulators, which run on this machine's library.
_TAGS = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")


@dataclass(frozen=True, slots=True)
class Target:
    """A Lambda runtime."""

    python: str
    arch: str

    def __post_init__(self) -> None:
        """Raise InvalidRequest for what Lambda does not offer."""
        errors = []
        if self.python not in PYTHONS:
            errors.append(FieldError("PYTHON", f"must be one of {', '.join(PYTHONS)}, not {self.python}"))
        if self.arch not in _MACHINES:
            errors.append(FieldError("ARCH", f"must be one of {', '.join(_MACHINES)}, not {self.arch}"))
        if errors:
            raise InvalidRequest(errors)

    @property
    def runtime(self) -> str:
        """Lambda's name of the Python."""
        return f"python{self.python}"

    @property
    def machine(self) -> str:
        """The architecture as ELF files and wheels name it."""
        return _MACHINES[self.arch]

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms of usable wheels, best first."""
        return tuple(f"{tag}_{self.machine}" for tag in _TAGS)
