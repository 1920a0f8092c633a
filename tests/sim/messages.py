"""One way to match whole error messages."""

import re

import pytest


def rejects(error: type[Exception], message: str):
    """Context that expects exactly this error."""
    return pytest.raises(error, match=f"^{re.escape(message)}$")
