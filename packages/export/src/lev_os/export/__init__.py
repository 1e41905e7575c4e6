"""From one package to every host: bundles within a budget, skills and plugins, the npm twin, typed Python."""
