"""Code feedback: problem families, the mutations that make mistakes, and the engine that runs and phrases them."""
