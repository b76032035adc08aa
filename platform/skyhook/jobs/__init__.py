"""Jobs: operations that outlive their request, and a crash."""
