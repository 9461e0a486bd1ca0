"""Tests of the callbacks app."""
