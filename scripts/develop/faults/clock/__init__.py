"""On the PYTHONPATH of services and commands, so that Python loads `sitecustomize` at their start."""
