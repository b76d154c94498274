"""topgraft: align a language model from one recipe file, every token through the frozen trunk once."""

import logging

__version__ = "0.1.0"

# Before peft imports it: it says that 8 bits are not 32, and on some CPUs that a kernel of the hub is not there.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
