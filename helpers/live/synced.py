"""value -> browser: a trait that both sides see."""


def synced(kind, *default):
    """Return a trait that the browser sees, too."""
    return kind(*default).tag(sync=True)
