"""The data of recipe strict-tutor and its judge: topics, wordings, and the generator that puts them together."""
