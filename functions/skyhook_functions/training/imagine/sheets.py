"""Contact sheets: many pictures in one file, for a person to look at."""

from pathlib import Path

import numpy as np
from PIL import Image

from skyhook_functions.imagine.small.flow import Pixels


def sheet(pictures: list[Pixels], columns: int, file: Path) -> None:
    """Write pictures side by side, for a person to look at."""
    blank = np.zeros_like(pictures[0])
    padded = pictures + [blank] * (-len(pictures) % columns)
    rows = [
        np.concatenate(padded[start : start + columns], axis=1) for start in range(0, len(padded), columns)
    ]
    Image.fromarray(np.concatenate(rows)).save(file)
