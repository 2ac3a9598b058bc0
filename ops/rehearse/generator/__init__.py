"""The crowd of a rehearsal, in processes of its own."""

from ops.rehearse.generator.generated import Generated
from ops.rehearse.generator.generator import Generator
from ops.rehearse.generator.second import Second

__all__ = ["Generated", "Generator", "Second"]
