"""The settings of an operator's own models."""

from pydantic import Field

from edgeward.settings.setting_types import Section


class ClassifierSettings(Section):
    """One model of the operator. It looks at images on no list; its labels are for review and block nothing."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    """Name of its entry point."""
    sample: float = Field(default=0.01, ge=0, le=1)
    """Share of the images on no list that the classifier sees: 0.01 is one per hundred. It sees each image once."""
    threshold: float = Field(default=0.8, ge=0, le=1)
    """Minimum score at which a label makes an incident."""
    memory_mb: int = Field(default=2048, ge=384, le=1_048_576)
    """Address space limit of its process, in MiB; each proxy worker has one such process. Beyond it an image is
    skipped."""
    timeout_ms: int = Field(default=10_000, ge=50, le=600_000)
    """Maximum time for one image, in milliseconds. A process that takes longer is killed."""
    queue: int = Field(default=16, ge=1, le=10_000)
    """Images that may wait for it in one proxy worker, 64 MiB in all. More are skipped."""
