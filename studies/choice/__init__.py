"""What is lost by taking one rule for the network of a simulator, and one network of several."""
