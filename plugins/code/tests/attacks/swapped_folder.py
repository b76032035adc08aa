"""Puts a link where its output folder was."""

import os

from report import SCENE

print("tried: swap the folder", flush=True)
os.rmdir("out")
os.symlink(os.path.dirname(SCENE["secret_files"][0]), "out")
