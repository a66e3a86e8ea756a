"""Networks of the neural forecasters: plain modules, trained by any training method."""
