"""Tests with an embedded AWS in the test process: a package, so that it ends with the last of them."""
