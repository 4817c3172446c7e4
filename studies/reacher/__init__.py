"""MuJoCo's reacher with unknown payload, damping and gear: predict what a step does to an arm."""
