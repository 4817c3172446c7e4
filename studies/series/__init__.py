"""Related series of people, animals, plates and devices: predict each next value of a new one."""
