"""Pure mathematics on tensors: nothing here knows of models, data or settings. Imports torch only."""
