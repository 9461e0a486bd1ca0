#!/usr/bin/env python
"""Run a command of the hub: ``./manage.py help`` lists them."""

import os
import sys

from hubcustomers.commands import main

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hubcustomers.settings")
    main(sys.argv)
