"""What Sphinx reads for the site, and the site's faults in a browser."""
