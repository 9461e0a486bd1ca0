"""Tests of the care commands, through the command line."""
