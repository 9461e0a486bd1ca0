"""The project: settings, URLs and the rooms that every app shares."""
