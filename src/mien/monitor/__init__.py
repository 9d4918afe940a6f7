"""The watch running: its log kept, and what people and systems see of it."""
