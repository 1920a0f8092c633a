"""A network run many times: on several devices, and in one choice of widths after another."""
