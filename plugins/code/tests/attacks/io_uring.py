"""Makes a ring of its own, whose calls no filter sees."""

import ctypes

from report import attempt, syscall

attempt("make a ring", lambda: syscall("io_uring_setup", 4, ctypes.create_string_buffer(120)))
