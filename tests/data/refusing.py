"""What a user is told of rows that cannot be read."""

import pytest

from topgraft.data.reading import DataSettings, read
from topgraft.errors import UserError


def refusal(source: str, **settings: object) -> str:
    """The message of the error that reading `source` ends in."""
    with pytest.raises(UserError) as caught:
        read(DataSettings(source=source, **settings))
    return str(caught.value)
