"""Tests of the loyalty app."""
