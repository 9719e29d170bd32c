"""Attribution: one number about a whole output, divided among its parts."""
