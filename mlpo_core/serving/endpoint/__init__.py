"""An OpenAI-compatible endpoint whose models are ways of asking a trained leader and its team (extra `serve`)."""
