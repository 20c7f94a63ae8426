"""Where a cluster's Redis is."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cluster:
    """
    Args:
        url: As redis-py has it; it can have a password.
        shown: The same, without the password.
        prefix: What all names in Redis begin with: another project there has another.
        lease_s: For how long a node that has died is taken for present.
    """

    url: str = field(repr=False)
    shown: str
    prefix: str
    lease_s: float = 10
