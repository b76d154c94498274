"""Load each model named on the command line; print one JSON object, name -> outcome. For tests of the hub."""

import json
import sys

from topgraft.errors import UserError
from topgraft.model.load import ModelSettings, load

outcomes = {}
for name in sys.argv[1:]:
    try:
        loaded = load(ModelSettings(name=name, layers="last-2"))
        outcomes[name] = {"digest": loaded.split.base_digest, "end_ids": list(loaded.end_ids)}
    except UserError as error:
        outcomes[name] = {"user_error": str(error)}
    except Exception as error:
        outcomes[name] = {"other": f"{type(error).__name__}: {error}"}
print(json.dumps(outcomes))
