"""A rehearsal: a crowd against a sale, with a verdict and a report."""
