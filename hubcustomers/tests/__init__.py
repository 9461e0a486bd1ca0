"""Tests of the rooms that every app shares."""
