"""What learners are judged on: permanent families, by name. A change of any needs a new version."""

from fixedweight.families import Boolean, Quadratic, Semilinear, Switching, TaskFamily

VERSION = 1
FAMILIES: dict[str, TaskFamily] = {
    "boolean-2": Boolean(length=64),
    "semilinear": Semilinear(length=64),
    "quadratic-2": Quadratic(scale="none", length=60),
    "boolean-2-hazard-50": Switching(Boolean(), hazard=1 / 50),
}
