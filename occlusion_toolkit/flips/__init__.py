"""Reversals: squares under which a person is turned round, or left and right change places."""
