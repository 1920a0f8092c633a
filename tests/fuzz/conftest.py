"""What the tests of this folder share."""

import pytest

from tests.fuzz.programs import without_heavy_work


@pytest.fixture(scope="module")
def light():
    """Programs without their heavy work, and no cell libraries but the built-in one."""
    with pytest.MonkeyPatch.context() as patch:
        without_heavy_work(patch)
        patch.setenv("HBFP_LIBERTY_PATH", "")
        yield
