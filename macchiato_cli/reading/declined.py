"""Why something is not read: it is not of what is listed, so only its import can tell what it means."""


class Declined(Exception):
    """This is left to the import."""
