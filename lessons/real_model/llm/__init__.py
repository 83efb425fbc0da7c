"""Causal language models in the Hugging Face format: opened from a local folder, counted, timed (the extra "llm")."""
